/* diagnosis_report.h: what a diagnosis has found, and how it is told.
 */
#ifndef MOTE_TRAIN_DIAGNOSIS_REPORT_H
#define MOTE_TRAIN_DIAGNOSIS_REPORT_H

#include "train/trainer.h"

enum {
    MOTE_FINDING_CAPACITY = 320
};

/* Of the finite ones among some numbers. */
typedef struct mote_finite_range {
    double least, most; /* least > most: there are none */
} mote_finite_range;

/* The first number that was not finite. */
typedef struct mote_finding {
    char what[MOTE_FINDING_CAPACITY];  /* "the output of layers[1] (dense)" */
    char layer[MOTE_FINDING_CAPACITY]; /* "layers[1] (dense)" */
    const mote_layer *culprit;         /* or NULL */
    mote_named_parameter *parameter;   /* whose gradient or value it is, or NULL */
    bool nan;                          /* not only infinite */
    bool untouched;                    /* it is no matter of weights: the samples themselves */
    bool updated;                      /* it is a weight, or a state, of a finite gradient */
    bool validation;                   /* the samples are the validation part's */
    mote_finite_range *before;         /* [parameters of the model]: before the step */
    mote_finite_range input;           /* of what the culprit got */
    const uint32_t *samples;           /* [sample_count]: the batch, by number */
    size_t sample_count;
    uint32_t *affected; /* [affected_count]: those whose rows are not finite */
    size_t affected_count;
    bool jumped; /* weights, in a step before */
    mote_jump jump;
} mote_finding;

/* Writes the report over the message of `error`, which may be NULL, and tells the trainer's
 * listener (MOTE_EVENT_DIVERGED). */
void mote_finding_report(const mote_finding *finding, mote_trainer *trainer, mote_error *error);

#endif
