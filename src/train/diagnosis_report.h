/* diagnosis_report.h: what a diagnosis has found, and the report on it.
 */
#ifndef MOTE_TRAIN_DIAGNOSIS_REPORT_H
#define MOTE_TRAIN_DIAGNOSIS_REPORT_H

#include "train/trainer.h"

enum {
    MOTE_FINDING_CAPACITY = 320
};

/* The range of those numbers that are finite. */
typedef struct mote_finite_range {
    double least, most; /* least > most: there are none */
} mote_finite_range;

/* The first non-finite number. */
typedef struct mote_finding {
    char what[MOTE_FINDING_CAPACITY];  /* "the output of layers[1] (dense)" */
    char layer[MOTE_FINDING_CAPACITY]; /* "layers[1] (dense)" */
    const mote_layer *culprit;         /* or NULL */
    mote_named_parameter *parameter;   /* whose gradient or value it is, or NULL */
    bool nan;                          /* not only infinite */
    bool untouched;                    /* it is in the samples themselves, whatever the weights */
    bool updated;                      /* a weight or a state, despite a finite gradient */
    bool validation;                   /* the samples are from the validation part */
    mote_finite_range *before;         /* [parameters of the model]: before the step */
    mote_finite_range input;           /* of the culprit's input */
    const uint32_t *samples;           /* [sample_count]: the batch's, by number */
    size_t sample_count;
    uint32_t *affected; /* [affected_count]: those whose rows are not finite */
    size_t affected_count;
    bool jumped; /* weights did, in an earlier step: `jump` */
    mote_jump jump;
} mote_finding;

/* Replaces the message of `error`, which may be NULL, with the report, and tells the trainer's
 * listener (MOTE_EVENT_DIVERGED). */
void mote_finding_report(const mote_finding *finding, mote_trainer *trainer, mote_error *error);

#endif
