#!/bin/sh
# From a fresh checkout to a trained classifier: installs, builds, trains, evaluates, predicts. Prints every step as you
# would type it yourself. See usage() below.
set -eu

usage() {
    cat <<END
usage: examples/quickstart.sh

Installs whatever mote needs that is missing, builds it, downloads MNIST, trains a classifier of handwritten digits,
evaluates it and has it read a few digits. If MNIST cannot be downloaded, trains on configs/digits.json instead, which
needs no file. The trained model is left under runs/quickstart/.

MOTE_DATASET_MIRROR  where datasets/get.sh fetches MNIST from
END
}

say() {
    printf '%s\n' "$@"
}

# run COMMAND_LINE: prints it as typed, then runs it; a string, so that examples/digits/*.png is printed unexpanded.
run() {
    say "" "\$ $1"
    eval "$1"
}

# quietly COMMAND_LINE: the same, but shows its output only if it fails.
quietly() {
    say "" "\$ $1"
    if ! eval "$1" >build/build.log 2>&1; then
        cat build/build.log >&2
        say "This failed: see above, or build/build.log." >&2
        exit 1
    fi
}

# Prints the first of runs/quickstart/001, 002, ... that does not exist.
next_run_directory() {
    number=1
    while
        directory=runs/quickstart/$(printf '%03d' "$number")
        [ -e "$directory" ]
    do
        number=$((number + 1))
    done
    echo "$directory"
}

case $#:${1-} in
0:) ;;
1:-h | 1:--help)
    usage
    exit 0
    ;;
*)
    usage >&2
    exit 2
    ;;
esac

# Make a path relative to the caller's directory absolute, before changing directory.
case ${MOTE_DATASET_MIRROR:-} in
'' | /* | *://*) ;;
*) export MOTE_DATASET_MIRROR="$PWD/$MOTE_DATASET_MIRROR" ;;
esac
cd -- "$(dirname -- "$0")/.."
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

. ./examples/packages.sh
need_packages build
if [ ! -d "${MOTE_DATASET_MIRROR:-}" ]; then
    # Optional: without MNIST, configs/digits.json is used.
    need_packages download || :
fi

mkdir -p build
quietly "cmake -S . -B build -DCMAKE_BUILD_TYPE=Release"
quietly "cmake --build build -j $jobs"

directory=$(next_run_directory)
model=$directory/model.safetensors
mkdir -p runs/quickstart

if run "./datasets/get.sh mnist"; then
    # A third of its epochs: enough to see that everything works.
    run "./train configs/mnist.json --set train.epochs=20 --run-dir $directory"
    run "./evaluate $model"
    run "./predict $model --limit 5 datasets/mnist/t10k-images-idx3-ubyte.gz"
else
    say "" "MNIST could not be fetched; training on configs/digits.json instead, which needs no file."
    run "./train configs/digits.json --run-dir $directory"
    run "./evaluate $model"
fi
run "./predict $model examples/digits/*.png"

say "" "Done. The model is $model; the record of its training is beside it."
say "Next: read README.md, change a copy of a file in configs/ and train with it,"
say "or show the model an image of your own: ./predict $model IMAGE.png"
