/* topics.h: help generated from the field tables. */
#ifndef MOTE_CLI_TOPICS_H
#define MOTE_CLI_TOPICS_H

#include "cli/common.h"

/* For cli_command: everything a config can hold. "layers" prints all layers with their keys,
 * "layers.dense" one with an example, "train" all keys of that object, "train.epochs" or "seed"
 * one. */
extern const char help_topics[];
bool help_print(const char *topic, char more[MOTE_NAMES_CAPACITY]);

#endif
