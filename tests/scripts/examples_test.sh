#!/bin/sh
# The examples do what they claim: examples_test.sh REPO_ROOT EXAMPLES_DIR TRAIN BUILD_DIR CMAKE
#
# EXAMPLES_DIR holds the built examples, TRAIN is the training program, BUILD_DIR is where everything was built with
# CMAKE; all are absolute paths.
#
# CC              the compiler
# MOTE_SANITIZED  set if the library was built with sanitizers
set -eu

if [ $# -ne 5 ] || [ ! -f "$1/examples/xor.c" ]; then
    echo "usage: tests/scripts/examples_test.sh REPO_ROOT EXAMPLES_DIR TRAIN BUILD_DIR CMAKE" >&2
    exit 2
fi
root=$1
examples=$2
train=$3
build=$4
cmake=$5

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$work"

fail() {
    echo "FAILED: $*"
    [ ! -f out ] || sed 's/^/    /' out err
    exit 1
}

# run EXIT_CODE COMMAND...: leaves the output in out and err. An unexpected exit code fails the test.
run() {
    expected=$1
    shift
    status=0
    "$@" >out 2>err || status=$?
    [ "$status" -eq "$expected" ] || fail "$*: expected exit code $expected, found $status"
}

# says TEXT FILE
says() {
    grep -qF -e "$1" "$2" || fail "expected \"$1\" in \"$2\""
}

# ---- each is in the table of README.md, and uses the public headers alone --------------------------------------------

for source in "$root"/examples/*.c; do
    name=$(basename "$source" .c)
    [ -x "$examples/$name" ] || fail "$name.c was not built"
    grep -qF "build/examples/$name" "$root/examples/README.md" || fail "examples/README.md lacks $name"
done
for directory in "$root"/examples/new_*; do
    grep -qF "($(basename "$directory")/" "$root/examples/README.md" || fail "examples/README.md lacks $directory"
done
for source in "$root"/examples/*.c "$root"/examples/*/*.c; do
    if grep -E '^#include "' "$source" | grep -qv '^#include "mote/'; then
        fail "$source includes more than the public headers"
    fi
done

# ---- softmax ---------------------------------------------------------------------------------------------------------

run 0 "$examples/softmax"
says 'claims hold' out
if grep -F '[FALSE]' out; then fail "softmax makes a claim that does not hold"; fi

# ---- xor -------------------------------------------------------------------------------------------------------------

lines=$(wc -l <"$root/examples/xor.c")
[ "$lines" -le 40 ] || fail "xor.c has $lines lines, more than 40"
seed=1
while [ "$seed" -le 20 ]; do
    run 0 "$examples/xor" "$seed"
    [ "$(wc -l <out)" -eq 4 ] || fail "expected four answers of xor"
    seed=$((seed + 1))
done

# ---- long_run --------------------------------------------------------------------------------------------------------

# Stopped every 967 of 2900 steps: no step may be lost, and the bits are the same as in one go.
run 0 "$examples/long_run" whole.safetensors
mv out whole
says 'validation loss of the best epoch: 0.0' whole
stops=0
for call in 1 2 3; do
    status=0
    "$examples/long_run" parts.safetensors 0.01 967 >out 2>err || status=$?
    [ "$status" -ne 130 ] || stops=$((stops + 1))
done
[ "$stops $status" = "2 0" ] || fail "long_run was stopped $stops times, and its last exit code is $status"
cmp out whole || fail "long_run: stopped twice, it ends otherwise"
# A signal stops it, and its exit code says which.
"$examples/long_run" stopped.safetensors >out 2>err &
until [ -e stopped.safetensors ]; do
    kill -0 $! || fail "long_run has ended without a checkpoint"
done
kill -s TERM $!
status=0
wait $! || status=$?
[ "$status" -eq 143 ] || fail "the exit code of long_run after SIGTERM is $status"
# A learning rate that is too high leaves the checkpoint alone; a lower one starts from its weights.
run 130 "$examples/long_run" wild.safetensors 0.01 500
cp wild.safetensors before.safetensors
run 3 "$examples/long_run" wild.safetensors 1e30
says 'train.optimizer.learning_rate was 0.01 and is now 1e+30; beginning with its weights' err
says 'diverged after step 1, in layers[0] (dense), on a batch of 32 samples' err
says 'long_run: layers.0.weight in layers[0] (dense) became infinite in epoch 1, step 2, ' err
cmp wild.safetensors before.safetensors || fail "long_run: the last good checkpoint does not stay"
run 0 "$examples/long_run" wild.safetensors 0.005
echo 'not a checkpoint' >parts.safetensors
run 1 "$examples/long_run" parts.safetensors
says 'long_run: parts.safetensors: not a safetensors file, or cut short' err

# ---- predict_digit ---------------------------------------------------------------------------------------------------

# A one: 28 rows of 28 pixels, with a bar 3 pixels wide from row 4 to row 23.
dark() { printf "%${1}s" '' | tr ' ' '\000'; }
{
    dark 112
    row=4
    while [ "$row" -lt 24 ]; do
        dark 12
        printf '\360\360\360'
        dark 13
        row=$((row + 1))
    done
    dark 112
} >one.raw
[ "$(wc -c <one.raw)" -eq 784 ] || fail "this test made a picture of $(wc -c <one.raw) bytes"
{ printf 'P5\n28 28\n255\n' && cat one.raw; } >one.pgm
{ printf 'P5\n# made by hand\n28 28\n255\n' && cat one.raw; } >commented.pgm
{ printf 'P5\n28 27\n255\n' && cat one.raw; } >other_size.pgm
head -c 700 one.raw >short.raw

run 0 "$train" "$root/configs/digits.json" --set train.epochs=1 --set dataset.samples=6000 --set dataset.test_samples=100 \
    --run-dir run --quiet
for image in one.raw one.pgm commented.pgm; do
    run 0 "$examples/predict_digit" run/model.safetensors "$image"
    grep -qE '^1 \([0-9.]+ %\)$' out || fail "expected a 1 in $image"
done

run 2 "$examples/predict_digit"
says 'usage: predict_digit MODEL IMAGE' err
run 1 "$examples/predict_digit" missing.safetensors one.pgm
says 'missing.safetensors' err
run 1 "$examples/predict_digit" one.pgm one.pgm
says 'one.pgm' err
run 1 "$examples/predict_digit" run/model.safetensors missing.pgm
says 'missing.pgm: cannot be opened' err
for image in other_size.pgm short.raw; do
    run 1 "$examples/predict_digit" run/model.safetensors "$image"
    says "$image: expected a PGM" err
done

# ./predict reads the same picture, and also takes it for a one.
predict=$(dirname "$train")/predict
if [ -x "$predict" ]; then
    run 0 "$examples/predict_digit" run/model.safetensors one.pgm
    answer=$(cat out)
    run 0 "$predict" run/model.safetensors one.pgm
    [ "$(cat out)" = "one.pgm: $answer" ] || fail "predict_digit said \"$answer\", and predict:"
fi

# ---- classes of your own, against what is installed ------------------------------------------------------------------

# Installed, then moved: it must not remember where it was.
run 0 "$cmake" --install "$build" --prefix "$work/first"
mv first installed
installed=$work/installed
flags="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Werror"
if [ -n "${MOTE_SANITIZED:-}" ]; then
    # Without warnings: under sanitizers, gcc gives false ones.
    flags="-fsanitize=address,undefined"
fi
data='dataset={"format": "synthetic_digits", "samples": 1000, "test_samples": 100}'

# own_class DIRECTORY NAME KIND: builds the example, runs its test, and trains with its plugin, in train as built here
# and as installed.
own_class() {
    run 0 "$cmake" -S "$root/examples/$1" -B "$1" -DCMAKE_PREFIX_PATH="$installed" -DCMAKE_C_FLAGS="$flags"
    run 0 "$cmake" --build "$1"
    run 0 "$1/check"
    says "$2 keeps all that mote asks of" out
    plugin=$1/$2.so
    config=$root/examples/$1/mnist.json
    run 2 "$train" "$config" --set "$data" --dry-run
    says "no $3 is called \"$2\"; available: " err
    says '; if a plugin provides it, pass --plugin FILE.so' err
    run 0 "$train" --plugin "$plugin" --help "${3}s"
    says "$2: " out
    run 0 "$train" --plugin "$plugin" "$config" --set "$data" --set train.epochs=2 --run-dir "$2" --quiet
    run 0 "$installed/bin/mote-train" --plugin "$plugin" "$config" --set "$data" --set train.epochs=2 \
        --run-dir "$2-installed" --quiet
    cmp "$2/model.safetensors" "$2-installed/model.safetensors" || fail "$2: the installed program trains otherwise"
    run 0 "$installed/bin/mote-evaluate" --plugin "$plugin" "$2/model.safetensors"
    run 0 "$installed/bin/mote-predict" --plugin "$plugin" "$2/model.safetensors" "$root/examples/digits/3.png"
    says '3.png: ' out
}

own_class new_layer swish_beta layer
own_class new_output focal_loss output
own_class new_optimizer lion optimizer
run 0 new_layer/own_program
says 'loss 0.00' out

# Models need the plugin of their layers and output, but no longer that of the optimizer.
for name in swish_beta focal_loss; do
    run 2 "$installed/bin/mote-evaluate" "$name/model.safetensors"
    says "is called \"$name\"; if a plugin provides it, pass --plugin FILE.so" err
    run 2 "$installed/bin/mote-predict" "$name/model.safetensors" "$root/examples/digits/3.png"
    says "is called \"$name\"; if a plugin provides it, pass --plugin FILE.so" err
done
run 0 "$installed/bin/mote-predict" lion/model.safetensors "$root/examples/digits/3.png"

# Built by hand, as mote/plugin.h says; and with all plugins at once.
PKG_CONFIG_PATH=$(dirname "$(find "$installed" -name mote.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
run 0 "${CC:-cc}" -O2 -shared -fPIC "$root/examples/new_layer/swish_beta.c" -o by_hand.so $(pkg-config --cflags mote)
run 0 "$train" --plugin by_hand.so --plugin new_output/focal_loss.so --plugin new_optimizer/lion.so \
    "$root/examples/new_layer/mnist.json" --set "$data" --set model.output.type=focal_loss \
    --set 'train.optimizer={"type": "lion"}' --dry-run
says ' 2 swish_beta  ' err
says 'with lion' err

# ---- in C++ ----------------------------------------------------------------------------------------------------------

# Each header on its own, and a plugin, if there is a compiler.
cat >plugin.cpp <<'END'
#include "mote/plugin.h"

static const mote_field fields[] = {MOTE_FIELDS_END};

static void forward(const mote_layer *, size_t count, const mote_real *x, mote_real *y) {
    for (size_t i = 0; i < count; i++) {
        y[i] = -x[i];
    }
}

static void backward(const mote_layer *, size_t count, const mote_real *, const mote_real *, const mote_real *dy,
                     mote_real *dx) {
    for (size_t i = 0; i < count; i++) {
        dx[i] = -dy[i];
    }
}

static const mote_layer_class negative = {
    .type = "negative",
    .summary = "y = -x",
    .size = sizeof(mote_layer),
    .fields = fields,
    .forward_elements = forward,
    .backward_elements = backward,
};

MOTE_PLUGIN(.name = "negative", .layers = {&negative});
END
cxx=${CXX:-c++}
if command -v "$cxx" >/dev/null 2>&1; then
    for header in "$root"/include/mote/*.h; do
        echo "#include \"mote/$(basename "$header")\"" >header.cpp
        # shellcheck disable=SC2046
        run 0 "$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only header.cpp $(pkg-config --cflags mote)
    done
    # shellcheck disable=SC2046
    run 0 "$cxx" -std=c++20 -shared -fPIC plugin.cpp -o cpp.so $(pkg-config --cflags mote)
    run 0 "$train" --plugin cpp.so --help layers.negative
    says 'negative: y = -x' out
fi
echo 'all checks passed'
