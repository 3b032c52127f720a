/* example.h: how a class is configured, for help.
 */
#ifndef MOTE_CONFIG_EXAMPLE_H
#define MOTE_CONFIG_EXAMPLE_H

#include "mote/field.h"

/* A line of JSON that configures a class: its own `example` or, if that is NULL, the selector
 * ("type") with the class's name and a value for each required key, written to `text`. Returns
 * `example` or `text`. */
#define MOTE_EXAMPLE_CAPACITY 512
const char *mote_example(const char *example, const char *selector, const char *name,
                         const mote_field *fields, char *text);

#endif
