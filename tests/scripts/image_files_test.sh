#!/bin/sh
# Pictures in files: memory, broken files, a set larger than memory, MNIST: image_files_test.sh BINDIR REPO TOOLDIR
#
# MOTE_SANITIZED  set if the programs run under sanitizers: memory is not measured then, nor all of MNIST read
set -u

# shellcheck source=tests/scripts/checks.sh
. "$(dirname -- "$0")/checks.sh"

# config NAME KEYS: writes NAME.json, which trains a small network on a data set with these keys.
config() {
    cat >"$1.json" <<END
{
  "dataset": {"format": $2},
  "model": {
    "layers": [
      {"type": "average_pool2d", "size": 2},
      {"type": "flatten"},
      {"type": "dense", "units": 32},
      {"type": "relu"},
      {"type": "dense", "units": 10}
    ],
    "output": {"type": "softmax_cross_entropy"}
  },
  "train": {"epochs": 1, "optimizer": {"type": "sgd", "learning_rate": 0.01, "momentum": 0.9}}
}
END
}

# 8000 files of 32 × 32, scaled to 64 × 64: 98 MB.
test_memory() {
    config folder '"images", "directory": "photos", "size": 64, "test_fraction": 0.1, "validation_fraction": 0.1'
    for round in files cache; do
        run 0 "$tools/peak_memory" memory "$train" folder.json --run-dir $round
        [ -n "${MOTE_SANITIZED:-}" ] ||
            check "$round: $(cat memory) MB of memory, less than 1.5 times the data" test "$(cat memory)" -lt 147
    done
    check "the cache" test -e photos.3x64x64-fit.cache
    check "the same from the cache" cmp files/model.safetensors cache/model.safetensors
    rm -rf files cache memory photos.*.cache
}

test_broken_files() {
    files=$((10 * per_class + 1))
    photo=$(ls photos/cross/*.jpg | head -n 1)
    head -c 400 "$photo" >photos/cross/truncated.jpg
    run 1 "$train" folder.json --run-dir broken
    check "a truncated JPEG is named" \
        has '^photos/cross/truncated.jpg: cannot be read as a picture: it is cut short$' "$err"
    check "and counted" has "^train: 1 of $files files cannot be used: " "$err"
    run 0 "$train" folder.json --run-dir broken --set dataset.on_bad_file=skip
    check "or left out" has "^1 of $files files cannot be used and are left out\$" "$err"
    rm -rf broken photos/cross/truncated.jpg photos.*.cache folder.json
}

# Each file 9 times, scaled to 36 × 36: 280 MB, with 230 MB allowed for everything but mapped files. OpenBLAS takes 134
# MB of them for each of its threads.
test_larger_than_memory() {
    if [ -n "${MOTE_SANITIZED:-}" ] || [ "$(uname -s)" != Linux ]; then
        echo "skipped: a data set larger than memory"
        return
    fi
    find photos -name '*.jpg' | LC_ALL=C sort | awk -F / '{ print $0 "\t" $2 }' >once.tsv
    for _ in 1 2 3 4 5 6 7 8 9; do cat once.tsv; done >large.tsv
    config large '"images", "list": "large.tsv", "size": 36, "validation_fraction": 0.01'
    # shellcheck disable=SC2016
    limited='ulimit -d 230000 && OPENBLAS_NUM_THREADS=1 exec "$@"'
    for round in files cache; do
        run 0 sh -c "$limited" sh "$train" large.json --threads 2 --run-dir $round
    done
    check "the same from the cache" cmp files/model.safetensors cache/model.safetensors
    run 1 sh -c "$limited" sh "$train" large.json --threads 2 --run-dir none --set dataset.cache=none
    check "it is larger than memory" has 'out of memory' "$err"
    rm -rf files cache none once.tsv large.json large.tsv large.tsv.*
}

# weights MODEL: what follows the header of a safetensors file, whose length is in its first eight bytes.
weights() {
    length=$(od -An -t u8 -N 8 "$1" | tr -d ' ')
    tail -c "+$((length + 9))" "$1"
}

same_weights() {
    weights "$1/model.safetensors" >weights.1
    weights "$2/model.safetensors" >weights.2
    check "the weights of $1 and $2" cmp weights.1 weights.2
    rm weights.1 weights.2
}

# 60,000 PNG files train to the same bits as the IDX files: in their order, by a list, and sorted by class.
test_mnist() {
    images=$(ls "$repo"/datasets/mnist/train-images-idx3-ubyte* 2>/dev/null | head -n 1)
    labels=$(ls "$repo"/datasets/mnist/train-labels-idx1-ubyte* 2>/dev/null | head -n 1)
    if [ -n "${MOTE_SANITIZED:-}" ] || [ -z "$images" ] || [ -z "$labels" ]; then
        echo "skipped: MNIST as PNG files (./datasets/get.sh mnist)"
        return
    fi
    run 0 "$tools/idx_to_images" "$images" "$labels" digits
    config original "\"idx\", \"train_images\": \"$images\", \"train_labels\": \"$labels\", \"validation_fraction\": 0.1"
    config listed '"images", "list": "digits.tsv", "channels": 1, "validation_fraction": 0.1'
    config sorted '"idx", "train_images": "digits-images.idx", "train_labels": "digits-labels.idx",
        "validation_fraction": 0.1'
    config directories '"images", "directory": "digits", "channels": 1, "validation_fraction": 0.1'
    for name in original listed sorted directories; do
        run 0 "$train" $name.json --run-dir $name --quiet
    done
    same_weights original listed
    same_weights sorted directories
    rm -rf digits digits.* digits-* original* listed* sorted* directories*
}

per_class=800
[ -z "${MOTE_SANITIZED:-}" ] || per_class=20
"$tools/photos" photos $per_class
test_memory
test_broken_files
test_larger_than_memory
test_mnist
finish photos
