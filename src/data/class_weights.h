/* class_weights.h: the setting "class_weights": "balanced", a list, or an object by class name.
 */
#ifndef MOTE_DATA_CLASS_WEIGHTS_H
#define MOTE_DATA_CLASS_WEIGHTS_H

#include "config/json.h"
#include "mote/dataset.h"

/* Checks all but the names and number of classes, which are unknown until the data is loaded. */
mote_status mote_class_weights_check(mote_json setting, mote_error *error);

/* Fills weights [classes] from the setting or, for "balanced", from the training part of the data
 * set. */
mote_status mote_class_weights_fill(mote_json setting, const mote_dataset *dataset,
                                    mote_real *weights, mote_error *error);

#endif
