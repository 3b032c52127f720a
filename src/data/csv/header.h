/* header.h: the first line of a table, if it holds the names of the columns. */
#ifndef MOTE_DATA_CSV_HEADER_H
#define MOTE_DATA_CSV_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "data/dictionary.h"
#include "data/csv/table.h"
#include "mote/status.h"

/* {0} is empty. */
typedef struct mote_header {
    size_t count;          /* columns */
    mote_dictionary names; /* of columns that have one; may be empty */
    uint32_t *name_of;     /* [count]: the name's number, or UINT32_MAX */
    size_t *column_of;     /* [names.count] */
} mote_header;

/* Reads the table's current row. Two columns with the same name are an error. */
mote_status mote_header_read(mote_header *header, const mote_table *table, mote_error *error);
void mote_header_free(mote_header *header);

/* NULL if the column has none. */
const char *mote_header_name(const mote_header *header, size_t column);

/* The column with that name; SIZE_MAX if there is none. */
size_t mote_header_find(const mote_header *header, const char *name);

/* Advice on a name that is not there: the closest name or, if none is close, all of them: "; did
 * you mean "species"?", "; available: a, b, c". Returns `text`. */
#define MOTE_HEADER_ADVICE_CAPACITY 400
char *mote_header_advice(const mote_header *header, const char *sought, char *text);

#endif
