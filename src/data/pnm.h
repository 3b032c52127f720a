/* pnm.h: the picture formats of netpbm: PBM, PGM and PPM, text or binary.
 */
#ifndef MOTE_DATA_PNM_H
#define MOTE_DATA_PNM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mote_pnm {
    size_t width, height, channels; /* 1 or 3 channels */
    unsigned brightest;             /* the value of white, 1 to 65535 */
    char kind;                      /* '1' to '6', as in the file's "P6" */
    const uint8_t *at, *end;        /* the rest of the file */
} mote_pnm;

/* Whether a file of `count` bytes starts like one of these. */
bool mote_pnm_is(const uint8_t *bytes, size_t count);

/* Reads the header of such a file, which must outlive *pnm. NULL, or the reason why it cannot be
 * read. */
const char *mote_pnm_open(mote_pnm *pnm, const uint8_t *bytes, size_t count);

/* Whether the file is long enough to hold the pixels that its header promises. */
bool mote_pnm_may_be_whole(const mote_pnm *pnm);

/* Reads the pixels [height × width × channels], scaled to 0 ... 255. NULL, or the reason why they
 * cannot be read. */
const char *mote_pnm_read(mote_pnm *pnm, uint8_t *pixels);

#endif
