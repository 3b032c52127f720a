/* report.c: from a confusion matrix to figures per class. */
#include "train/report.h"

#include <math.h>

#include "config/json_write.h"

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : (double)NAN;
}

mote_class_figures mote_report_class(const mote_report *report, size_t classes, size_t number) {
    uint64_t hits = report->confusion[number * classes + number], actual = 0, predicted = 0;
    for (size_t i = 0; i < classes; i++) {
        actual += report->confusion[number * classes + i];
        predicted += report->confusion[i * classes + number];
    }
    return (mote_class_figures){.samples = actual,
                                .precision = ratio((double)hits, (double)predicted),
                                .recall = ratio((double)hits, (double)actual),
                                .f1 = ratio(2 * (double)hits, (double)(actual + predicted))};
}

static void add_class(mote_json_writer *writer, cJSON *list, const char *name,
                      mote_class_figures figures) {
    cJSON *entry = mote_json_add_object(writer, list, NULL);
    mote_json_add_string(writer, entry, "name", name);
    mote_json_add_number(writer, entry, "samples", (double)figures.samples);
    mote_json_add_number(writer, entry, "precision", figures.precision);
    mote_json_add_number(writer, entry, "recall", figures.recall);
    mote_json_add_number(writer, entry, "f1", figures.f1);
}

cJSON *mote_report_to_json(const mote_report *report, const mote_model *model,
                           const char *loss_name, const char *accuracy_name) {
    mote_json_writer writer = {0};
    cJSON *object = mote_json_new_object(&writer);
    mote_json_add_number(&writer, object, loss_name, report->metrics.loss);
    mote_json_add_number(&writer, object, accuracy_name, report->metrics.accuracy);
    mote_json_add_number(&writer, object, "samples", (double)report->metrics.samples);
    size_t classes = mote_model_classes(model);
    if (!report->confusion || classes == 0) {
        return mote_json_finish(&writer, object);
    }
    cJSON *list = mote_json_add_array(&writer, object, "classes");
    cJSON *matrix = mote_json_add_array(&writer, object, "confusion");
    for (size_t i = 0; i < classes; i++) {
        add_class(&writer, list, mote_model_class_name(model, i),
                  mote_report_class(report, classes, i));
        cJSON *row = mote_json_add_array(&writer, matrix, NULL);
        for (size_t k = 0; k < classes; k++) {
            mote_json_add_number(&writer, row, NULL, (double)report->confusion[i * classes + k]);
        }
    }
    return mote_json_finish(&writer, object);
}
