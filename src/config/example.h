/* example.h: how a class is configured, for help.
 */
#ifndef MOTE_CONFIG_EXAMPLE_H
#define MOTE_CONFIG_EXAMPLE_H

#include "mote/field.h"

/* A line of JSON that configures a class: its own `example`, or, where that is NULL, the selector
 * ("type") with the name of the class, and a value for each key that must be given. Returns that,
 * or `text`. */
#define MOTE_EXAMPLE_CAPACITY 512
const char *mote_example(const char *example, const char *selector, const char *name,
                         const mote_field *fields, char *text);

#endif
