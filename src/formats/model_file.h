/* model_file.h: the preprocessing as JSON, for models and checkpoints. */
#ifndef MOTE_FORMATS_MODEL_FILE_H
#define MOTE_FORMATS_MODEL_FILE_H

#include <cjson/cJSON.h>

#include "mote/preprocessing.h"

/* Free it with cJSON_Delete; NULL when out of memory. */
cJSON *mote_preprocessing_to_json(const mote_preprocessing *preprocessing);

#endif
