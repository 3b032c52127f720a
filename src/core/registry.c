/* registry.c: what can be registered. */
#include "core/registry.h"

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
    if (!c->has_fields) {
        return mote_fail(error, MOTE_INVALID,
                         "the %s \"%.60s\" has no table of fields; where there is nothing to set, "
                         "it is {MOTE_FIELDS_END}",
                         c->what, c->type);
    }
    if (!c->complete) {
        return mote_fail(error, MOTE_INVALID, "the %s \"%.60s\" has to have %s", c->what, c->type,
                         c->wanted);
    }
    if (listed >= MOTE_REGISTRY_CAPACITY) {
        return mote_fail(error, MOTE_INVALID, "the %s \"%.60s\" is one too many: there can be %d",
                         c->what, c->type, MOTE_REGISTRY_CAPACITY);
    }
    return MOTE_OK;
}
