/* model_file.h: models in safetensors files. */
#ifndef MOTE_FORMATS_MODEL_FILE_H
#define MOTE_FORMATS_MODEL_FILE_H

#include <cjson/cJSON.h>

#include "formats/safetensors.h"
#include "mote/model.h"

/* Copies the file's values into all parameters of the model, by name and shape, or into none. */
mote_status mote_model_copy_parameters(mote_model *model, const mote_safetensors *file,
                                       mote_error *error);

/* Free it with cJSON_Delete; NULL when out of memory. */
cJSON *mote_preprocessing_to_json(const mote_preprocessing *preprocessing);

#endif
