/* statistics.h: what normalisation needs to know about the training samples.
 */
#ifndef MOTE_DATA_STATISTICS_H
#define MOTE_DATA_STATISTICS_H

#include "data/loading.h"
#include "mote/dataset.h"

/* Measures a part, reading it once (twice for numbers) and copying nothing, and fills
 * *preprocessing, which the caller frees with mote_preprocessing_free. */
mote_status mote_measure(const mote_part *part, mote_normalization normalize,
                         const mote_loading *loading, mote_preprocessing *preprocessing,
                         mote_error *error);

#endif
