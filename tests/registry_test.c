/* registry_test.c: classes registered at run time work like those that mote is built with.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "core/registry.h"
#include "mote/augmentation.h"
#include "mote/optimizer.h"
#include "networks.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- classes ---- */

typedef struct scale {
    mote_layer base;
    double factor;
} scale;

static const mote_field scale_fields[] = {
    {.name = "factor",
     .kind = MOTE_FIELD_NUMBER,
     .offset = offsetof(scale, factor),
     .range = MOTE_ANY_NUMBER,
     .preset = "2",
     .help = "what x is multiplied with"},
    MOTE_FIELDS_END,
};

static void scale_forward(const mote_layer *layer, size_t count, const mote_real *x, mote_real *y) {
    for (size_t i = 0; i < count; i++) {
        y[i] = (mote_real)((const scale *)layer)->factor * x[i];
    }
}

static void scale_backward(const mote_layer *layer, size_t count, const mote_real *x,
                           const mote_real *y, const mote_real *dy, mote_real *dx) {
    (void)x;
    (void)y;
    for (size_t i = 0; i < count; i++) {
        dx[i] = (mote_real)((const scale *)layer)->factor * dy[i];
    }
}

static const mote_layer_class scale_class = {
    .type = "scale",
    .summary = "y = factor × x",
    .size = sizeof(scale),
    .fields = scale_fields,
    .forward_elements = scale_forward,
    .backward_elements = scale_backward,
};

static void score(const mote_output *output, size_t rows, const mote_real *z, mote_targets targets,
                  mote_real factor, mote_real *dz, mote_score *sum) {
    (void)output;
    (void)rows;
    (void)z;
    (void)targets;
    (void)factor;
    (void)dz;
    (void)sum;
}

static void predict(const mote_output *output, size_t rows, const mote_real *z,
                    mote_real *prediction) {
    memcpy(prediction, z, rows * output->width * sizeof *z);
}

static const mote_field no_fields[] = {MOTE_FIELDS_END};

static const mote_output_class indifferent_class = {.type = "indifferent",
                                                    .summary = "no loss",
                                                    .size = sizeof(mote_output),
                                                    .fields = no_fields,
                                                    .score = score,
                                                    .predict = predict};

static size_t no_states(const mote_optimizer *optimizer) {
    (void)optimizer;
    return 0;
}

static void no_update(const mote_optimizer *optimizer, const mote_step *step,
                      const mote_slice *slice) {
    (void)optimizer;
    (void)step;
    (void)slice;
}

static const mote_optimizer_class idle_class = {.type = "idle",
                                                .summary = "does nothing",
                                                .size = sizeof(mote_optimizer),
                                                .fields = no_fields,
                                                .state_count = no_states,
                                                .update = no_update};

static double never(const mote_schedule *schedule, mote_progress progress) {
    (void)schedule;
    (void)progress;
    return 0;
}

static const mote_schedule_class never_class = {.type = "never",
                                                .summary = "the learning rate is 0",
                                                .size = sizeof(mote_schedule),
                                                .fields = no_fields,
                                                .factor = never};

static void stay(const mote_augmentation *augmentation, const mote_augment_pass *pass,
                 mote_real *x) {
    (void)augmentation;
    (void)pass;
    (void)x;
}

static const mote_augmentation_class stay_class = {.type = "stay",
                                                   .summary = "changes nothing",
                                                   .size = sizeof(mote_augmentation),
                                                   .fields = no_fields,
                                                   .apply = stay};

/* ---- using them ---- */

#define SCALED                                                                                     \
    "{\"layers\": [{\"type\": \"scale\", \"factor\": 3}, {\"type\": \"scale\"}], "                 \
    "\"output\": {\"type\": \"indifferent\"}}"

Test(registries, know_what_was_registered) {
    mote_error error = {0};
    cr_assert_null(network_create(SCALED, mote_shape_vector(2), NULL));
    cr_assert_eq(mote_layer_register(&scale_class, &error), MOTE_OK, "%s", error.message);
    cr_assert_eq(mote_output_register(&indifferent_class, &error), MOTE_OK, "%s", error.message);
    cr_assert_eq(mote_optimizer_register(&idle_class, &error), MOTE_OK, "%s", error.message);
    cr_assert_eq(mote_schedule_register(&never_class, &error), MOTE_OK, "%s", error.message);
    cr_assert_eq(mote_augmentation_register(&stay_class, &error), MOTE_OK, "%s", error.message);
    cr_expect_eq(mote_augmentation_class_find("stay"), &stay_class);
    cr_expect_eq(mote_layer_class_find("scale"), &scale_class);
    cr_expect_eq(mote_output_class_find("indifferent"), &indifferent_class);
    cr_expect_eq(mote_optimizer_class_find("idle"), &idle_class);
    cr_expect_eq(mote_schedule_class_find("never"), &never_class);
    size_t last = 0;
    while (mote_layer_classes()[last + 1]) {
        last++;
    }
    cr_expect_eq(mote_layer_classes()[last], &scale_class);

    mote_model *model = network_create(SCALED, mote_shape_vector(2), &error);
    cr_assert(model, "%s", error.message);
    const mote_real x[] = {1, -5};
    mote_real y[2];
    cr_assert_eq(mote_model_predict(model, 1, x, y, &error), MOTE_OK, "%s", error.message);
    cr_expect(y[0] == 6 && y[1] == -30, "%g, %g", (double)y[0], (double)y[1]);
    mote_model_destroy(model);
}

Test(registries, suggest_what_was_registered) {
    mote_error error = {0};
    mote_layer_register(&scale_class, NULL);
    cr_expect_null(network_create("{\"layers\": [{\"type\": \"scael\"}], \"output\": {}}",
                                  mote_shape_vector(2), &error));
    cr_expect_str_eq(error.message,
                     "model.layers[0].type: no layer is called \"scael\"; did you mean \"scale\"?");
}

/* ---- what is refused ---- */

Test(registries, say_why_a_class_cannot_be_registered) {
    const struct {
        mote_layer_class kind;
        const char *message;
    } rows[] = {
        {{0}, "the layer to be registered has no type, its name"},
        {{.type = ""}, "the layer to be registered has no type, its name"},
        {{.type = "relu"}, "the layer \"relu\" cannot be registered: the name is taken"},
        {{.type = "scale"}, "the layer \"scale\" cannot be registered: the name is taken"},
        {{.type = "y", .size = sizeof(mote_layer)},
         "the layer \"y\" has no table of fields; where there is nothing to set, it is "
         "{MOTE_FIELDS_END}"},
        {{.type = "y",
          .size = sizeof(mote_layer),
          .fields = no_fields,
          .forward_elements = scale_forward},
         "the layer \"y\" has to have forward and backward, or forward_elements and "
         "backward_elements"},
        {{.type = "y",
          .size = sizeof(mote_layer),
          .fields = no_fields,
          .forward_elements = scale_forward,
          .backward_elements = scale_backward},
         "the layer \"y\" has no summary, a line of help"},
    };
    mote_layer_register(&scale_class, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        mote_error error = {0};
        cr_expect_eq(mote_layer_register(&rows[i].kind, &error), MOTE_INVALID);
        cr_expect_str_eq(error.message, rows[i].message);
        cr_expect(!rows[i].kind.type || mote_layer_class_find(rows[i].kind.type) != &rows[i].kind);
    }
}

Test(registries, say_what_is_wrong_with_a_field) {
    static const char *const none[] = {NULL};
    const struct {
        mote_field field;
        const char *fault;
    } rows[] = {
        {{.kind = MOTE_FIELD_BOOLEAN, .help = "x"}, "\"\", of the layer \"y\" has no name"},
        {{.kind = MOTE_FIELD_BOOLEAN, .name = "", .help = "x"},
         "\"\", of the layer \"y\" has no name"},
        {{.kind = MOTE_FIELD_BOOLEAN, .name = "a"}, "\"a\", of the layer \"y\" has no help"},
        {{.kind = MOTE_FIELD_BOOLEAN, .name = "type", .help = "x"},
         "\"type\", of the layer \"y\" is a key that every class has already"},
        {{.kind = MOTE_FIELD_BOOLEAN, .name = "factor", .help = "x"},
         "\"factor\", of the layer \"y\" stands there twice"},
        {{.kind = MOTE_FIELD_INTEGER, .name = "a", .help = "x"},
         "\"a\", of the layer \"y\" has no range"},
        {{.kind = MOTE_FIELD_NUMBER, .name = "a", .help = "x"},
         "\"a\", of the layer \"y\" has no range"},
        {{.kind = MOTE_FIELD_CHOICE, .name = "a", .help = "x"},
         "\"a\", of the layer \"y\" has no choices"},
        {{.kind = MOTE_FIELD_CHOICE, .name = "a", .help = "x", .choices = none},
         "\"a\", of the layer \"y\" has no choices"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const mote_field fields[] = {scale_fields[0], rows[i].field, MOTE_FIELDS_END};
        mote_layer_class kind = scale_class;
        kind.type = "y";
        kind.fields = fields;
        char message[200];
        mote_error error = {0};
        snprintf(message, sizeof message, "field 1, %s", rows[i].fault);
        cr_expect_eq(mote_layer_register(&kind, &error), MOTE_INVALID);
        cr_expect_str_eq(error.message, message);
    }
}

Test(registries, want_a_struct_that_begins_with_the_common_part) {
    char message[200];
    mote_error error = {0};
    const mote_optimizer_class small = {.type = "small", .size = 1};
    snprintf(message, sizeof message,
             "the optimizer \"small\" gives 1 bytes as the size of its struct, which has to begin "
             "with a mote_optimizer of %zu",
             sizeof(mote_optimizer));
    cr_expect_eq(mote_optimizer_register(&small, &error), MOTE_INVALID);
    cr_expect_str_eq(error.message, message);
}

Test(registries, say_which_functions_a_class_lacks) {
    const mote_output_class output = {
        .type = "x", .size = sizeof(mote_output), .fields = no_fields, .score = score};
    const mote_optimizer_class optimizer = {
        .type = "x", .size = sizeof(mote_optimizer), .fields = no_fields, .update = no_update};
    const mote_schedule_class schedule = {
        .type = "x", .size = sizeof(mote_schedule), .fields = no_fields};
    mote_error errors[3] = {0};
    mote_output_register(&output, &errors[0]);
    mote_optimizer_register(&optimizer, &errors[1]);
    mote_schedule_register(&schedule, &errors[2]);
    cr_expect_str_eq(errors[0].message, "the output \"x\" has to have score and predict");
    cr_expect_str_eq(errors[1].message, "the optimizer \"x\" has to have state_count and update");
    cr_expect_str_eq(errors[2].message, "the schedule \"x\" has to have factor");
}

Test(registries, say_when_they_are_full) {
    static mote_layer_class kinds[MOTE_REGISTRY_CAPACITY];
    static char names[MOTE_REGISTRY_CAPACITY][16];
    mote_error error = {0};
    size_t added = 0, listed = 0;
    while (added < MOTE_REGISTRY_CAPACITY && error.status == MOTE_OK) {
        snprintf(names[added], sizeof names[added], "number_%zu", added);
        kinds[added] = scale_class;
        kinds[added].type = names[added];
        added += mote_layer_register(&kinds[added], &error) == MOTE_OK;
    }
    char message[100];
    snprintf(message, sizeof message, "the layer \"number_%zu\" is one too many: there can be %d",
             added, MOTE_REGISTRY_CAPACITY);
    cr_expect_str_eq(error.message, message);
    while (mote_layer_classes()[listed]) {
        listed++;
    }
    cr_expect_eq(listed, MOTE_REGISTRY_CAPACITY);
}

/* ---- mistakes in a table of fields ---- */

Test(registries, show_a_default_that_is_none) {
    static const struct {
        mote_field field;
        const char *message;
    } rows[] = {
        {{.kind = MOTE_FIELD_INTEGER, .range = MOTE_AT_LEAST(1), .preset = "0"},
         "layers[0] (faulty): the default of the key \"key\" is 0, but should be an integer >= 1"},
        {{.kind = MOTE_FIELD_BOOLEAN, .preset = "yes"},
         "layers[0] (faulty): the default of the key \"key\" is yes, but should be true or false"},
    };
    static mote_field fields[] = {{0}, MOTE_FIELDS_END};
    static mote_layer_class kind;
    kind = scale_class;
    kind.type = "faulty";
    kind.fields = fields;
    cr_assert_eq(mote_layer_register(&kind, NULL), MOTE_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        fields[0] = rows[i].field;
        fields[0].name = "key";
        fields[0].offset = offsetof(scale, factor);
        mote_error error = {0};
        mote_model *model = mote_model_create(mote_shape_vector(1), &error);
        cr_expect_eq(mote_model_add(model, "faulty", NULL, &error), MOTE_INVALID);
        cr_expect_str_eq(error.message, rows[i].message);
        mote_model_destroy(model);
    }
}
