/* cifar.h: single CIFAR files, picture by picture, for prediction. */
#ifndef MOTE_DATA_CIFAR_H
#define MOTE_DATA_CIFAR_H

#include <stdbool.h>
#include <stdint.h>

#include "mote/status.h"
#include "mote/tensor.h"

/* An open file, of which one picture at a time is in memory. */
typedef struct mote_cifar_reader mote_cifar_reader;

/* Opens a file of CIFAR-10 or CIFAR-100; its size tells which. NULL on failure. */
mote_cifar_reader *mote_cifar_open(const char *path, mote_error *error);
void mote_cifar_close(mote_cifar_reader *reader);

/* The shape of a picture: 3 × 32 × 32. */
mote_shape mote_cifar_shape(const mote_cifar_reader *reader);

/* Reads the next picture, skipping its labels; *more becomes false at the end. */
mote_status mote_cifar_next(mote_cifar_reader *reader, uint8_t *sample, bool *more,
                            mote_error *error);

#endif
