/* check.c: the test of swish_beta: everything that mote's own layers must pass, with each setting
 * and on each kind of shape.
 */
#include <stdio.h>
#include <stdlib.h>

#include "mote/check.h"

extern const mote_layer_class mote_layer_swish_beta;

int main(void) {
    const struct {
        const char *json;
        mote_shape shape;
    } cases[] = {
        {NULL, mote_shape_vector(9)},
        {NULL, mote_shape_image(3, 5, 4)},
        {"{\"per_channel\": true, \"initializer\": 0.5}", mote_shape_vector(9)},
        {"{\"per_channel\": true}", mote_shape_image(3, 5, 4)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mote_error error = {0};
        if (mote_layer_check(&mote_layer_swish_beta, cases[i].json, cases[i].shape, &error)) {
            fprintf(stderr, "check: %s\n", error.message);
            return EXIT_FAILURE;
        }
    }
    puts("swish_beta keeps all that mote asks of a layer");
    return EXIT_SUCCESS;
}
