/* report.c: from a confusion matrix to figures per class. */
#include "train/report.h"

#include <math.h>

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

cJSON *mote_report_to_json(const mote_report *report, const mote_model *model,
                           const char *loss_name, const char *accuracy_name) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, loss_name, report->metrics.loss);
    cJSON_AddNumberToObject(object, accuracy_name, report->metrics.accuracy);
    cJSON_AddNumberToObject(object, "samples", (double)report->metrics.samples);
    size_t classes = mote_model_classes(model);
    if (!report->confusion || classes == 0) {
        return object;
    }
    cJSON *list = cJSON_AddArrayToObject(object, "classes");
    cJSON *matrix = cJSON_AddArrayToObject(object, "confusion");
    for (size_t i = 0; i < classes; i++) {
        mote_class_figures figures = mote_report_class(report, classes, i);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", mote_model_class_name(model, i));
        cJSON_AddNumberToObject(entry, "samples", (double)figures.samples);
        cJSON_AddNumberToObject(entry, "precision", figures.precision);
        cJSON_AddNumberToObject(entry, "recall", figures.recall);
        cJSON_AddNumberToObject(entry, "f1", figures.f1);
        cJSON_AddItemToArray(list, entry);
        cJSON *row = cJSON_CreateArray();
        for (size_t k = 0; k < classes; k++) {
            cJSON_AddItemToArray(
                row, cJSON_CreateNumber((double)report->confusion[i * classes + k]));
        }
        cJSON_AddItemToArray(matrix, row);
    }
    return object;
}
