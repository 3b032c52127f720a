/* safetensors.h: named tensors in a file format that other systems read.
 *
 * The format (github.com/huggingface/safetensors): 8 bytes with the little-endian length of a JSON
 * header, the header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...,
 * "__metadata__": {string: string}}, then the data. mote writes float32 in the machine's
 * (little-endian) order, and a checksum of data and metadata under "mote.checksum".
 */
#ifndef MOTE_FORMATS_SAFETENSORS_H
#define MOTE_FORMATS_SAFETENSORS_H

#include "mote/status.h"
#include "mote/tensor.h"

typedef struct mote_tensor_entry {
    const char *name;
    mote_tensor tensor;
} mote_tensor_entry;

typedef struct mote_metadata_entry {
    const char *key, *value;
} mote_metadata_entry;

/* Writes a file atomically. */
mote_status mote_safetensors_write(const char *path, const mote_tensor_entry *tensors,
                                   size_t tensor_count, const mote_metadata_entry *metadata,
                                   size_t metadata_count, mote_error *error);

typedef struct mote_safetensors mote_safetensors;

/* Reads and checks a file. NULL on failure. */
mote_safetensors *mote_safetensors_read(const char *path, mote_error *error);
void mote_safetensors_destroy(mote_safetensors *file);

/* The path it was read from, for errors. */
const char *mote_safetensors_path(const mote_safetensors *file);

/* The metadata string of that key; NULL if there is none. */
const char *mote_safetensors_metadata(const mote_safetensors *file, const char *key);

/* Fails if the tensor is missing, has another shape or is not F32. */
mote_status mote_safetensors_check(const mote_safetensors *file, const char *name, mote_shape shape,
                                   mote_error *error);

/* Copies a tensor of that name and shape; fails as mote_safetensors_check does. */
mote_status mote_safetensors_copy(const mote_safetensors *file, const char *name, mote_tensor to,
                                  mote_error *error);

#endif
