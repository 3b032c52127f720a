/* topics.h: help out of the field tables. */
#ifndef MOTE_CLI_TOPICS_H
#define MOTE_CLI_TOPICS_H

#include "cli/common.h"

/* All layers, outputs, optimizers, schedules and data sets, with their keys. */
extern const cli_topic help_topics[];

#endif
