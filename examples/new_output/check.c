/* check.c: the test of focal_loss: everything that mote's own outputs must pass. */
#include <stdio.h>
#include <stdlib.h>

#include "mote/check.h"

extern const mote_output_class mote_output_focal_loss;

int main(void) {
    static const struct {
        const char *json;
        size_t width;
    } cases[] = {{NULL, 2}, {NULL, 5}, {"{\"gamma\": 0}", 3}, {"{\"gamma\": 0.5}", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mote_error error = {0};
        if (mote_output_check(&mote_output_focal_loss, cases[i].json, cases[i].width, &error)) {
            fprintf(stderr, "check: %s\n", error.message);
            return EXIT_FAILURE;
        }
    }
    puts("focal_loss keeps all that mote asks of an output");
    return EXIT_SUCCESS;
}
