/* residual_networks.h: networks with residual layers, in every place and form that plans
 * distinguish, for tests of gradients, of bits and of memory.
 */
#ifndef MOTE_TESTS_RESIDUAL_NETWORKS_H
#define MOTE_TESTS_RESIDUAL_NETWORKS_H

#include <stdio.h>

#include "mote/tensor.h"

typedef struct residual_network {
    const char *what;
    mote_shape shape;
    const char *layers, *output;
} residual_network;

#define R_RELU         "{\"type\": \"relu\"}"
#define R_TANH         "{\"type\": \"tanh\"}"
#define R_SIGMOID      "{\"type\": \"sigmoid\"}"
#define R_FLATTEN      "{\"type\": \"flatten\"}"
#define R_SOFTMAX      "{\"type\": \"softmax\"}"
#define R_DENSE(units) "{\"type\": \"dense\", \"units\": " #units "}"
#define R_BODY(layers) "{\"type\": \"residual\", \"layers\": [" layers "]}"
#define R_BOTH(body, shortcut)                                                                     \
    "{\"type\": \"residual\", \"layers\": [" body "], \"shortcut\": [" shortcut "]}"

static const residual_network residual_networks[] = {
    {"first",
     {1, {5}},
     R_BODY(R_DENSE(6) ", " R_TANH ", " R_DENSE(5)) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"between two layers",
     {1, {5}},
     R_DENSE(6) ", " R_RELU ", " R_BODY(R_DENSE(4) ", " R_TANH ", " R_DENSE(6)) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"last",
     {1, {5}},
     R_DENSE(3) ", " R_BODY(R_DENSE(4) ", " R_TANH ", " R_DENSE(3)),
     "softmax_cross_entropy"},
    {"first and last",
     {1, {3}},
     R_BODY(R_DENSE(4) ", " R_TANH ", " R_DENSE(3)),
     "softmax_cross_entropy"},
    {"first and last, with a shortcut",
     {1, {5}},
     R_BOTH(R_DENSE(3), R_DENSE(3)),
     "mean_squared_error"},
    {"before an activation",
     {1, {5}},
     R_DENSE(6) ", " R_BODY(R_DENSE(6)) ", " R_RELU ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"between activations, one after the other",
     {1, {5}},
     R_DENSE(6) ", " R_TANH ", " R_BODY(R_DENSE(6)) ", " R_RELU ", " R_BODY(
         R_TANH ", " R_DENSE(6)) ", " R_SIGMOID ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a body that starts with an activation",
     {1, {5}},
     R_DENSE(6) ", " R_BODY(R_TANH ", " R_DENSE(6)) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a body that ends with an activation",
     {1, {5}},
     R_DENSE(6) ", " R_BODY(R_DENSE(6) ", " R_TANH) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a body of activations",
     {1, {5}},
     R_DENSE(6) ", " R_BODY(R_TANH ", " R_SIGMOID) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a body and a shortcut of one activation each",
     {1, {5}},
     R_DENSE(6) ", " R_BOTH(R_TANH, R_SIGMOID) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a body of activations before anything is trained",
     {1, {5}},
     R_BODY(R_TANH ", " R_SIGMOID) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a body and a shortcut of reshapes",
     {1, {5}},
     R_DENSE(6) ", " R_BOTH(R_FLATTEN, R_FLATTEN ", " R_FLATTEN) ", " R_TANH ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"only the shortcut is trained",
     {1, {5}},
     R_BOTH(R_TANH, R_DENSE(5)) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"only the body is trained, beside a shortcut",
     {1, {5}},
     R_BOTH(R_DENSE(5), R_TANH) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a shortcut of several layers, in the middle",
     {1, {5}},
     R_DENSE(6) ", " R_RELU
                ", " R_BOTH(R_DENSE(4) ", " R_TANH,
                            R_SIGMOID ", " R_DENSE(7) ", " R_TANH ", " R_DENSE(4)) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"an empty shortcut",
     {1, {5}},
     R_DENSE(6) ", " R_BOTH(R_DENSE(6) ", " R_TANH, "") ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"a softmax at the end of a body",
     {1, {5}},
     R_DENSE(6) ", " R_BODY(R_DENSE(6) ", " R_SOFTMAX) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"images in, vectors out: sides that start with flatten",
     {3, {2, 3, 2}},
     R_TANH
     ", " R_BOTH(R_FLATTEN ", " R_DENSE(4) ", " R_TANH, R_FLATTEN ", " R_DENSE(4)) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"images in, vectors out: sides that end with flatten",
     {3, {2, 3, 2}},
     R_BOTH(R_TANH ", " R_FLATTEN, R_FLATTEN ", " R_DENSE(12)) ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"images, before and after activations",
     {3, {2, 3, 2}},
     R_TANH ", " R_BODY(R_SIGMOID) ", " R_TANH ", " R_FLATTEN ", " R_DENSE(3),
     "softmax_cross_entropy"},
    {"images and nothing to train", {3, {2, 3, 2}}, R_BODY(R_TANH), "mean_squared_error"},
    {"images and nothing to train, an activation at the end",
     {3, {2, 3, 2}},
     R_BODY(R_TANH) ", " R_SIGMOID,
     "mean_squared_error"},
    {"three deep",
     {1, {5}},
     R_DENSE(4) ", " R_BOTH(
         R_TANH ", " R_BODY(R_DENSE(6) ", " R_BOTH(
             R_DENSE(3) ", " R_TANH ", " R_DENSE(6),
             R_DENSE(6) ", " R_RELU) ", " R_TANH ", " R_DENSE(4)) ", " R_DENSE(5),
         R_BODY(R_BODY(R_DENSE(4))) ", " R_DENSE(5)) ", " R_TANH ", " R_DENSE(3),
     "softmax_cross_entropy"},
};

enum {
    RESIDUAL_NETWORKS = sizeof residual_networks / sizeof *residual_networks,
    RESIDUAL_JSON_CAPACITY = 2048
};

/* Writes the network as JSON. Returns `json`. */
static inline const char *residual_json(const residual_network *network, char *json) {
    snprintf(json, RESIDUAL_JSON_CAPACITY, "{\"layers\": [%s], \"output\": {\"type\": \"%s\"}}",
             network->layers, network->output);
    return json;
}

#endif
