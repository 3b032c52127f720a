/* report.h: the figures of an evaluation.
 */
#ifndef MOTE_TRAIN_REPORT_H
#define MOTE_TRAIN_REPORT_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "mote/trainer.h"

typedef struct mote_report {
    mote_metrics metrics;
    uint64_t *confusion; /* [classes × classes]: true class (row), predicted (column); or NULL */
} mote_report;

typedef struct mote_class_figures {
    uint64_t samples;
    double precision, recall, f1; /* NAN where the divisor is 0 */
} mote_class_figures;

mote_class_figures mote_report_class(const mote_report *report, size_t classes, size_t number);

/* {loss_name, accuracy_name, "samples", "classes": [{"name", "samples", "precision", "recall",
 * "f1"}], "confusion": [[]]}; NaN becomes null. NULL when out of memory. */
cJSON *mote_report_to_json(const mote_report *report, const mote_model *model,
                           const char *loss_name, const char *accuracy_name);

#endif
