/* topics.h: help out of the field tables. */
#ifndef MOTE_CLI_TOPICS_H
#define MOTE_CLI_TOPICS_H

#include <stdbool.h>

/* Prints all layers, outputs, optimizers, schedules or datasets with their keys; false where the
 * topic is none of them. */
bool topic_print(const char *topic);

#endif
