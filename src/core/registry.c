/* registry.c: checks of classes to be registered. */
#include "core/registry.h"

/* ---- fields ---- */

static bool is_number(const mote_field *field) {
    return field->kind == MOTE_FIELD_INTEGER || field->kind == MOTE_FIELD_NUMBER;
}

static bool has_range(const mote_field *field) {
    return field->range.minimum != 0 || field->range.maximum != 0;
}

static bool stands_before(const mote_field *fields, const mote_field *field) {
    for (const mote_field *f = fields; f < field; f++) {
        if (strcmp(f->name, field->name) == 0) {
            return true;
        }
    }
    return false;
}

/* What is wrong with a field; NULL: nothing. */
static const char *fault_of(const mote_field *fields, const mote_field *field) {
    return strcmp(field->name, "type") == 0        ? "is a key that every class has already"
           : stands_before(fields, field)          ? "stands there twice"
           : !field->help                          ? "has no help"
           : is_number(field) && !has_range(field) ? "has no range"
           : field->kind == MOTE_FIELD_CHOICE && !(field->choices && field->choices[0])
               ? "has no choices"
               : NULL;
}

static mote_status check_fields(const mote_candidate *c, mote_error *error) {
    for (const mote_field *f = c->fields; f->kind != MOTE_FIELD_NONE; f++) {
        const char *fault = f->name && *f->name ? fault_of(c->fields, f) : "has no name";
        if (fault) {
            return mote_fail(error, MOTE_INVALID, "field %d, \"%.60s\", of the %s \"%.60s\" %s",
                             (int)(f - c->fields), f->name ? f->name : "", c->what, c->type, fault);
        }
    }
    return MOTE_OK;
}

/* ---- records ---- */

mote_status mote_candidate_check(const mote_candidate *candidate, bool taken, size_t listed,
                                 mote_error *error) {
    const mote_candidate *c = candidate;
    if (!c->type || !*c->type) {
        return mote_fail(error, MOTE_INVALID, "the %s to be registered has no type, its name",
                         c->what);
    }
    if (taken) {
        return mote_fail(error, MOTE_INVALID,
                         "the %s \"%.60s\" cannot be registered: the name is taken", c->what,
                         c->type);
    }
    if (c->size < c->least_size) {
        return mote_fail(error, MOTE_INVALID,
                         "the %s \"%.60s\" gives %zu bytes as the size of its struct, which has to "
                         "begin with a mote_%s of %zu",
                         c->what, c->type, c->size, c->what, c->least_size);
    }
    if (!c->fields) {
        return mote_fail(error, MOTE_INVALID,
                         "the %s \"%.60s\" has no table of fields; where there is nothing to set, "
                         "it is {MOTE_FIELDS_END}",
                         c->what, c->type);
    }
    if (!c->complete) {
        return mote_fail(error, MOTE_INVALID, "the %s \"%.60s\" has to have %s", c->what, c->type,
                         c->wanted);
    }
    if (!c->summary) {
        return mote_fail(error, MOTE_INVALID, "the %s \"%.60s\" has no summary, a line of help",
                         c->what, c->type);
    }
    if (listed >= MOTE_REGISTRY_CAPACITY) {
        return mote_fail(error, MOTE_INVALID, "the %s \"%.60s\" is one too many: there can be %d",
                         c->what, c->type, MOTE_REGISTRY_CAPACITY);
    }
    return check_fields(c, error);
}
