#!/bin/sh
# The examples do what they say: examples_test.sh REPO_ROOT EXAMPLES_DIR TRAIN
#
# EXAMPLES_DIR holds the built examples, TRAIN is the program that trains; both are absolute paths.
set -eu

if [ $# -ne 3 ] || [ ! -f "$1/examples/xor.c" ]; then
    echo "usage: tests/scripts/examples_test.sh REPO_ROOT EXAMPLES_DIR TRAIN" >&2
    exit 2
fi
root=$1
examples=$2
train=$3

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

# run EXIT_CODE COMMAND...: output in out and err. A code that was not expected fails the test.
run() {
    expected=$1
    shift
    status=0
    "$@" >out 2>err || status=$?
    [ "$status" -eq "$expected" ] || fail "$*: expected exit code $expected, found $status"
}

says() {
    grep -qF -e "$1" "$2" || fail "expected \"$1\" in std$2"
}

# ---- each is in the table of README.md, and uses the public headers alone --------------------------------------------

for source in "$root"/examples/*.c; do
    name=$(basename "$source" .c)
    [ -x "$examples/$name" ] || fail "$name.c was not built"
    grep -qF "build/examples/$name" "$root/examples/README.md" || fail "examples/README.md lacks $name"
    if grep -E '^#include "' "$source" | grep -qv '^#include "mote/'; then
        fail "$name.c includes more than the public headers"
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

# ./predict reads the same picture; to it, too, it is a one.
predict=$(dirname "$train")/predict
if [ -x "$predict" ]; then
    run 0 "$examples/predict_digit" run/model.safetensors one.pgm
    answer=$(cat out)
    run 0 "$predict" run/model.safetensors one.pgm
    [ "$(cat out)" = "one.pgm: $answer" ] || fail "predict_digit said \"$answer\", and predict:"
fi
echo 'all checks passed'
