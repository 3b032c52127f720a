/* check.c: the test of lion: everything that mote's own optimizers must pass. */
#include <stdio.h>
#include <stdlib.h>

#include "mote/check.h"

extern const mote_optimizer_class mote_optimizer_lion;

int main(void) {
    static const char *const cases[] = {
        NULL, "{\"learning_rate\": 0.001, \"weight_decay\": 0.1, \"beta1\": 0.5, \"beta2\": 0}"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mote_error error = {0};
        if (mote_optimizer_check(&mote_optimizer_lion, cases[i], &error)) {
            fprintf(stderr, "check: %s\n", error.message);
            return EXIT_FAILURE;
        }
    }
    puts("lion keeps all that mote asks of an optimizer");
    return EXIT_SUCCESS;
}
