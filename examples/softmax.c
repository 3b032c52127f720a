/* softmax.c: the mathematics at the end of a classifier, on vectors small enough to follow.
 *
 * Goes from logits to the gradient that training uses, prints each step, and checks its claims:
 * exits with 0 if all of them hold. Every number comes from one of mote's parts, used by itself, or
 * from the formula beside it. Next: xor.c, which trains with them.
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mote/mote.h"

/* ---- printing and claims ---- */

static int claims, false_claims;

static void headline(const char *text) {
    printf("\n%s\n\n", text);
}

/* In 10 columns; NaN and 0 without a sign. */
static void print_number(double number) {
    if (isnan(number)) {
        printf(" %10s", "nan");
    } else {
        printf(" %10.4f", number + 0.0);
    }
}

static void print_numbers(size_t count, const mote_real *numbers) {
    for (size_t i = 0; i < count; i++) {
        print_number(numbers[i]);
    }
    printf("\n");
}

/* `name` takes 14 columns. */
static void print_row(const char *name, size_t count, const mote_real *numbers) {
    printf("  %s", name);
    print_numbers(count, numbers);
}

static void claim(bool holds, const char *text) {
    printf("  %s %s\n", holds ? "[true] " : "[FALSE]", text);
    claims++;
    false_claims += !holds;
}

/* Equal up to rounding. False if either is NaN or infinite. */
static bool near(double a, double b) {
    return fabs(a - b) <= 1e-6 * (1 + fabs(b));
}

/* NaN if one of the differences is. */
static double largest_difference(size_t count, const mote_real *a, const mote_real *b) {
    double largest = 0;
    for (size_t i = 0; i < count && !isnan(largest); i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        largest = difference <= largest ? largest : difference;
    }
    return largest;
}

static double sum(size_t count, const mote_real *numbers) {
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        total += numbers[i];
    }
    return total;
}

/* ---- mote's parts, one by one ----
 *
 * A model puts them together; by themselves they are records of functions. None of those used here
 * has required settings, so zeros stand in for the JSON. */

static void *zeros(size_t size) {
    void *memory = calloc(1, size);
    if (!memory) {
        fprintf(stderr, "softmax: out of memory\n");
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* y [count] = σ of each x [count]: the layer "sigmoid" works element by element. */
static void sigmoid(size_t count, const mote_real *x, mote_real *y) {
    const mote_layer_class *kind = mote_layer_class_find("sigmoid");
    mote_layer *layer = zeros(kind->size);
    layer->kind = kind;
    kind->forward_elements(layer, count, x, y);
    free(layer);
}

/* From dp = ∂L/∂p to dz = ∂L/∂z, where p = softmax(z): the backward pass of the layer "softmax". It
 * may overwrite dp. */
static void softmax_backward(size_t classes, const mote_real *z, const mote_real *p, mote_real *dp,
                             mote_real *dz) {
    const mote_layer_class *kind = mote_layer_class_find("softmax");
    mote_layer *layer = zeros(kind->size);
    layer->kind = kind;
    layer->input_shape = layer->output_shape = mote_shape_vector(classes);
    kind->backward(layer, &(mote_pass){.batch = 1}, z, p, dp, dz);
    free(layer);
}

/* The loss of one row z [width] with the target y, and its gradient dz unless that is NULL. */
static double score(const char *type, size_t width, const mote_real *z, mote_targets y,
                    mote_real *dz) {
    const mote_output_class *kind = mote_output_class_find(type);
    mote_output *output = zeros(kind->size);
    output->kind = kind;
    output->width = output->classes = output->prediction_width = width;
    if (kind->build) {
        kind->build(output, NULL);
    }
    mote_score result = {0};
    kind->score(output, 1, z, y, 1, dz, &result);
    free(output);
    return result.loss;
}

static mote_targets label(const uint32_t *class_number) {
    return (mote_targets){.labels = class_number};
}

/* ---- softmax ---- */

static void why_softmax(void) {
    headline("1  From logits to probabilities: p_i = e^z_i / Σ_c e^z_c");
    const mote_real z[3] = {2, 1, -1};
    mote_real share[3], apart[3], p[3];
    for (size_t i = 0; i < 3; i++) {
        share[i] = z[i] / (mote_real)sum(3, z);
    }
    sigmoid(3, z, apart);
    mote_softmax(1, 3, z, p);
    print_row("logits z      ", 3, z);
    print_row("z_i / Σ z     ", 3, share);
    print_row("sigmoid each  ", 3, apart);
    print_row("softmax p     ", 3, p);
    printf(
        "\n  A share of the sum can be negative. A sigmoid on each node answers a question of its\n"
        "  own: here they add up to %.4f. The exponential is positive, spreads the outputs apart,\n"
        "  and is its own derivative.\n\n",
        sum(3, apart));
    claim(near(sum(3, p), 1), "softmax is a distribution: Σ p = 1");
    claim(!near(sum(3, apart), 1), "the sigmoids are not");
    claim(near(p[0] / p[1], exp(z[0] - z[1])),
          "a difference of logits is a ratio: p_0 / p_1 = e^(z_0 − z_1)");
}

static void naive_form(void) {
    headline("2  Taken literally, it overflows");
    const mote_real z[3] = {1000, 1001, 1002};
    mote_real e[3], p[3];
    mote_exp(3, z, e);
    mote_real total = (mote_real)sum(3, e);
    for (size_t i = 0; i < 3; i++) {
        p[i] = e[i] / total;
    }
    print_row("logits z      ", 3, z);
    print_row("e^z           ", 3, e);
    print_row("e^z / Σ e^z   ", 3, p);
    printf("\n  e^z is infinite above z = %.2f in float, above %.2f in double, and ∞ / ∞ is no "
           "number.\n\n",
           log((double)FLT_MAX), log(DBL_MAX));
    claim(isinf(e[0]) && isinf(total), "the exponentials and their sum are infinite");
    claim(isnan(p[0]) && isnan(p[1]) && isnan(p[2]), "every probability is NaN");
}

/* p = e^(z − shift) / Σ e^(z − shift); prints a row of the table and returns the sum. */
static double shifted_softmax(const char *name, double shift, size_t classes, const mote_real *z,
                              mote_real *p) {
    mote_real largest = -INFINITY;
    for (size_t i = 0; i < classes; i++) {
        p[i] = z[i] - (mote_real)shift;
        largest = p[i] > largest ? p[i] : largest;
    }
    mote_exp(classes, p, p);
    double total = sum(classes, p);
    for (size_t i = 0; i < classes; i++) {
        p[i] /= (mote_real)total;
    }
    printf("  %s", name);
    print_number(shift);
    print_number(largest);
    print_number(total);
    printf("   p of the last:");
    print_number(p[classes - 1]);
    printf("\n");
    return total;
}

static void shifted_form(void) {
    headline("3  Above and below times e^−m: p_i = e^(z_i − m) / Σ_c e^(z_c − m)");
    const mote_real z[3] = {1000, 1001, 1002}, small[3] = {0, 1, 2};
    mote_real p[3], p_small[3];
    mote_softmax(1, 3, z, p);
    mote_softmax(1, 3, small, p_small);
    print_row("logits z      ", 3, z);
    print_row("softmax p     ", 3, p);
    print_row("of (0, 1, 2)  ", 3, p_small);
    printf("\n");
    claim(near(sum(3, p), 1), "with m = max z it does not overflow");
    claim(memcmp(p, p_small, sizeof p) == 0,
          "only differences matter: (0, 1, 2) gives the same bits");

    enum {
        CLASSES = 5
    };
    const mote_real wide[CLASSES] = {0, 0, 0, 0, 1000};
    mote_real by_mean[CLASSES], by_maximum[CLASSES];
    printf("\n  Why the maximum and not the mean? The logits (0, 0, 0, 0, 1000):\n\n"
           "  shift                  m  max (z−m)  Σ e^(z−m)\n");
    shifted_softmax("by the mean   ", sum(CLASSES, wide) / CLASSES, CLASSES, wide, by_mean);
    double total = shifted_softmax("by the maximum", wide[CLASSES - 1], CLASSES, wide, by_maximum);
    printf(
        "\n  Only the maximum bounds every exponent: all are ≤ 0, and one is 0. What rounds to 0\n"
        "  then is too small to count beside it.\n\n");
    claim(isnan(by_mean[CLASSES - 1]), "shifted by the mean, it still overflows");
    claim(total >= 1 && total <= CLASSES, "shifted by the maximum, the sum lies in 1 ... C");
    claim(near(sum(CLASSES, by_maximum), 1), "and p is a distribution");
}

/* ---- its derivative ---- */

enum {
    C = 4
};

static const mote_real logits[C] = {2, 1, 0.5, -1};

/* p_i of the logits with h added to z_j, in double precision. */
static double moved_softmax(size_t i, size_t j, double h) {
    double e_i = 0, total = 0;
    for (size_t c = 0; c < C; c++) {
        double e = exp((double)logits[c] - (double)logits[0] + (c == j ? h : 0));
        total += e;
        e_i = c == i ? e : e_i;
    }
    return e_i / total;
}

static void print_matrix(const char *name, mote_real matrix[C][C]) {
    for (size_t i = 0; i < C; i++) {
        print_row(i == 0 ? name : "              ", C, matrix[i]);
    }
}

/* J_ij = p_i (δ_ij − p_j) */
static void fill_jacobian(const mote_real *p, mote_real jacobian[C][C]) {
    for (size_t i = 0; i < C; i++) {
        for (size_t j = 0; j < C; j++) {
            jacobian[i][j] = p[i] * ((mote_real)(i == j) - p[j]);
        }
    }
}

/* out_j = Σ_i g_i J_ij */
static void multiply(const mote_real *g, mote_real jacobian[C][C], mote_real *out) {
    for (size_t j = 0; j < C; j++) {
        out[j] = 0;
        for (size_t i = 0; i < C; i++) {
            out[j] += g[i] * jacobian[i][j];
        }
    }
}

static void derivative(void) {
    headline("4  The Jacobian: ∂p_i/∂z_j = p_i (δ_ij − p_j)");
    const double h = 1e-5;
    mote_real p[C], jacobian[C][C], differences[C][C];
    mote_softmax(1, C, logits, p);
    fill_jacobian(p, jacobian);
    double largest_row_sum = 0;
    for (size_t i = 0; i < C; i++) {
        for (size_t j = 0; j < C; j++) {
            double slope = (moved_softmax(i, j, h) - moved_softmax(i, j, -h)) / (2 * h);
            differences[i][j] = (mote_real)slope;
        }
        largest_row_sum = fmax(largest_row_sum, fabs(sum(C, jacobian[i])));
    }
    double largest = largest_difference(C * C, jacobian[0], differences[0]);
    print_row("logits z      ", C, logits);
    print_row("softmax p     ", C, p);
    printf("\n");
    print_matrix("Jacobian      ", jacobian);
    printf("\n");
    print_matrix("differences   ", differences);
    printf("\n  (p(z + h) − p(z − h)) / 2h with h = %g; the largest difference is %.1e.\n\n", h,
           largest);
    claim(largest < 1e-6, "the formula agrees with finite differences");
    claim(largest_row_sum < 1e-6,
          "each row adds up to 0: the same added to every logit changes nothing");
}

static void product(void) {
    headline("5  A gradient g through it, without the matrix: p ⊙ (g − ⟨g, p⟩)");
    const mote_real g[C] = {0.5, -1, 2, 0.25};
    mote_real p[C], jacobian[C][C], by_matrix[C], by_layer[C], overwritten[C];
    mote_softmax(1, C, logits, p);
    fill_jacobian(p, jacobian);
    multiply(g, jacobian, by_matrix);
    memcpy(overwritten, g, sizeof g);
    softmax_backward(C, logits, p, overwritten, by_layer);
    print_row("gradient g    ", C, g);
    print_row("g · Jacobian  ", C, by_matrix);
    print_row("softmax layer ", C, by_layer);
    const size_t many = 1000;
    printf("\n  The matrix takes C² = %d products, the short form 2 C = %d; with %zu classes it "
           "would be\n"
           "  %zu against %zu.\n\n",
           C * C, 2 * C, many, many * many, 2 * many);
    claim(largest_difference(C, by_matrix, by_layer) < 1e-6, "both are the same");
}

/* ---- the loss ---- */

static void cross_entropy(void) {
    headline("6  Cross-entropy: the negative log of the likelihood, L = −Σ_i y_i log p_i");
    enum {
        ROWS = 4
    };
    const mote_real z[ROWS][3] = {{2, 1, -1}, {0, 1, 0}, {-1, 0, 2}, {1, 1, 1}};
    const uint32_t labels[ROWS] = {0, 1, 2, 0};
    mote_real p[ROWS][3], right[ROWS], losses[ROWS], likelihood = 1;
    mote_softmax(ROWS, 3, z[0], p[0]);
    for (size_t i = 0; i < ROWS; i++) {
        right[i] = p[i][labels[i]];
        likelihood *= right[i];
        losses[i] = (mote_real)score("cross_entropy", 3, p[i], label(&labels[i]), NULL);
    }
    double loss = sum(ROWS, losses);
    print_row("p of the label", ROWS, right);
    print_row("−log p        ", ROWS, losses);
    printf("\n  likelihood  Π p = %.6f,  −log Π p = %.6f,  Σ −log p = %.6f\n\n", likelihood,
           -log(likelihood), loss);
    claim(near(loss, -log(likelihood)), "the sum of the losses is −log of the product");

    size_t samples = 0;
    mote_real vanishing = 1;
    for (; vanishing > 0; samples++) {
        vanishing *= right[samples % ROWS];
    }
    double total = loss * (double)samples / ROWS;
    printf("\n  Go on like this, and after %zu samples the product has rounded to 0; the sum is "
           "%.1f.\n\n",
           samples, total);
    claim(isinf(log(vanishing)) && isfinite(total),
          "a product would vanish where the sum is an ordinary number");
}

/* The loss by softmax and then cross-entropy, and its gradient by the chain rule. */
static double chain(size_t classes, const mote_real *z, mote_targets y, mote_real *dz) {
    mote_real p[C], dp[C];
    mote_softmax(1, classes, z, p);
    double loss = score("cross_entropy", classes, p, y, dp);
    softmax_backward(classes, z, p, dp, dz);
    return loss;
}

static void fused(void) {
    headline("7  Fused: L = log Σ_c e^(z_c − m) + m − Σ_i y_i z_i,  ∂L/∂z = p − y");
    const mote_real y[C] = {0.125, 0.625, 0.25, 0};
    mote_real p[C], difference[C], by_chain[C], by_fused[C];
    mote_softmax(1, C, logits, p);
    for (size_t i = 0; i < C; i++) {
        difference[i] = p[i] - y[i];
    }
    const mote_targets target = {.values = y};
    double chain_loss = chain(C, logits, target, by_chain);
    double fused_loss = score("softmax_cross_entropy", C, logits, target, by_fused);
    print_row("softmax p     ", C, p);
    print_row("target y      ", C, y);
    print_row("−y/p · Jacob. ", C, by_chain);
    print_row("fused         ", C, by_fused);
    print_row("p − y         ", C, difference);
    printf("\n  loss: %.6f by parts, %.6f fused\n\n", chain_loss, fused_loss);
    claim(near(fused_loss, chain_loss), "both losses are the same");
    claim(largest_difference(C, by_fused, by_chain) < 1e-6,
          "the chain rule gives the fused gradient");
    claim(largest_difference(C, by_fused, difference) < 1e-6, "and that is p − y");
}

static void print_loss(const char *name, double loss, const mote_real gradient[3]) {
    const mote_real row[4] = {(mote_real)loss, gradient[0], gradient[1], gradient[2]};
    print_row(name, 4, row);
}

static void fused_at_extremes(void) {
    headline("8  Where the parts break: a sure and wrong answer");
    const mote_real z[3] = {200, 0, -100};
    const uint32_t class_number = 2;
    mote_real p[3], literal[3], by_chain[3], by_fused[3];
    mote_softmax(1, 3, z, p);
    double literal_loss = -log(p[2]);
    mote_real g = -1 / p[2]; /* the only nonzero entry of −y/p */
    for (size_t j = 0; j < 3; j++) {
        literal[j] = g * p[2] * ((mote_real)(j == 2) - p[j]);
    }
    double chain_loss = chain(3, z, label(&class_number), by_chain);
    double fused_loss = score("softmax_cross_entropy", 3, z, label(&class_number), by_fused);
    print_row("logits z      ", 3, z);
    print_row("softmax p     ", 3, p);
    printf("\n  The label is %u.             loss   gradient\n", class_number);
    print_loss("formulas      ", literal_loss, literal);
    print_loss("parts         ", chain_loss, by_chain);
    print_loss("fused         ", fused_loss, by_fused);
    printf(
        "\n  p of the label has rounded to 0. Taken literally, the loss is infinite and its "
        "gradient\n"
        "  no number. mote's part takes the log of at least %.1e: finite, but too small, and the\n"
        "  gradient is 0, so the worst mistake teaches nothing. The fused form never takes that "
        "log.\n\n",
        (double)FLT_MIN);
    claim(p[2] == 0, "p of the label is exactly 0");
    claim(isinf(literal_loss) && isnan(literal[0]), "the formulas, taken literally, break");
    claim(by_chain[0] == 0 && by_chain[2] == 0, "the parts one after the other give no gradient");
    claim(near(fused_loss, z[0] - z[2]), "the fused loss is right: the gap of the logits");
    claim(near(by_fused[0], 1) && near(by_fused[2], -1), "the fused gradient is right: p − y");
}

/* ---- two classes on one node ---- */

static void binary(void) {
    headline(
        "9  Two classes on one node: L = max(z, 0) − z y + log(1 + e^−|z|),  ∂L/∂z = σ(z) − y");
    const struct {
        mote_real z;
        uint32_t y;
    } rows[] = {{-100, 1}, {-2, 1}, {0, 1}, {3, 0}, {20, 0}, {100, 0}, {100, 1}};
    bool broken = false, by_formula = true, finite = true, same_loss = true, same_gradient = true;
    printf("  Literally: −y log σ(z) − (1 − y) log(1 − σ(z)). Softmax: over the logits (0, z).\n\n"
           "       z  y   literally          L    softmax      ∂L/∂z    softmax\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mote_real z = rows[i].z, pair[2] = {0, z}, sigma, gradient, pair_gradient[2];
        mote_real y = (mote_real)rows[i].y;
        sigmoid(1, &z, &sigma);
        mote_real literally = -y * (mote_real)log(sigma) - (1 - y) * (mote_real)log(1 - sigma);
        double loss = score("sigmoid_cross_entropy", 1, &z, label(&rows[i].y), &gradient);
        double pair_loss =
            score("softmax_cross_entropy", 2, pair, label(&rows[i].y), pair_gradient);
        printf("  %6.0f  %u ", z, rows[i].y);
        const mote_real columns[] = {literally, (mote_real)loss, (mote_real)pair_loss, gradient,
                                     pair_gradient[1]};
        print_numbers(sizeof columns / sizeof *columns, columns);
        broken = broken || !isfinite(literally);
        finite = finite && isfinite(loss) && isfinite(gradient);
        by_formula = by_formula && near(loss, fmax(z, 0) - z * y + log1p(exp(-fabs(z)))) &&
                     near(gradient, 1 / (1 + exp(-z)) - y);
        same_loss = same_loss && near(loss, pair_loss);
        same_gradient = same_gradient && near(gradient, pair_gradient[1]);
    }
    printf("\n");
    claim(broken, "taken literally, some losses are infinite or no number");
    claim(finite && by_formula, "sigmoid_cross_entropy is finite and what the formulas say");
    claim(same_loss && same_gradient, "and equals softmax over (0, z), loss and gradient");
}

int main(void) {
    printf("Softmax and cross-entropy, step by step, with mote %s\n", MOTE_VERSION);
    why_softmax();
    naive_form();
    shifted_form();
    derivative();
    product();
    cross_entropy();
    fused();
    fused_at_extremes();
    binary();
    printf("\n%d of %d claims hold.\n", claims - false_claims, claims);
    return false_claims == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
