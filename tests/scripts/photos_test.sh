#!/bin/sh
# A folder of photographs: looked at, trained on, evaluated and predicted: photos_test.sh BINDIR REPO TOOLDIR
set -u

# shellcheck source=tests/scripts/checks.sh
. "$(dirname -- "$0")/checks.sh"

write_config() {
    cat <<END
{
  "dataset": {"format": "images", "directory": "photos", "size": 32, "validation_fraction": 0.2},
  "model": {
    "layers": [
      {"type": "conv2d", "filters": 8, "kernel": 3},
      {"type": "relu"},
      {"type": "max_pool2d", "size": 2},
      {"type": "flatten"},
      {"type": "dense", "units": 10}
    ],
    "output": {"type": "softmax_cross_entropy"}
  },
  "train": {"epochs": 8, "optimizer": {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}}
}
END
}

# ---- looking ----

test_preview() {
    run 0 "$train" photos.json --preview sheet.png
    same "what is said of a preview" "$(cat "$out")" "sheet.png shows the first batch, 64 samples"
    check "nothing else is said" is_empty "$err"
    check "the sheet is a picture" "$tools/picture" sheet.png sheet.bmp
    cp sheet.png first.png
    refuse 1 "train: sheet.png: already exists; remove it, or name another file" \
        "$train" photos.json --preview sheet.png
    check "a preview is not overwritten" cmp sheet.png first.png
    rm sheet.png sheet.bmp
    for threads in 1 2; do
        run 0 "$train" photos.json --preview sheet.png --threads $threads --quiet
        check "the same sheet with $threads threads" cmp sheet.png first.png
        rm sheet.png
    done
    run 0 "$train" photos.json --preview sheet.png --seed 2
    check "another sheet with another seed" test "$(cmp sheet.png first.png)" != ""
    rm sheet.png
    augment='dataset.augment=[{"type": "rotate", "degrees": 20}, {"type": "flip"}]'
    run 0 "$train" photos.json --preview sheet.png --threads 1 --set "$augment"
    check "the sheet shows augmented pictures" test "$(cmp sheet.png first.png)" != ""
    mv sheet.png first.png
    run 0 "$train" photos.json --preview sheet.png --threads 2 --set "$augment"
    check "the same augmented pictures with 2 threads" cmp sheet.png first.png
    rm sheet.png
    run 0 "$train" photos.json --preview sheet.png --set "$augment" --set train.accumulate=3
    same "of a step of several batches the first" "$(cat "$out")" "sheet.png shows the first batch, 64 samples"
    check "the same pictures where a step has several batches" cmp sheet.png first.png
    rm sheet.png first.png
    run 0 "$train" photos.json --preview sheet.png --set train.batch_size=1600 --set dataset.normalize=none
    same "a batch with no room on the sheet" "$(cat "$out")" \
        "sheet.png shows 667 of the first batch's 800 samples"
    rm sheet.png

    refuse 2 'train: --preview draws a PNG file: "sheet.jpg" does not end in .png' \
        "$train" photos.json --preview sheet.jpg
    refuse 1 'train: nowhere/sheet.png: cannot be written: No such file or directory' \
        "$train" photos.json --preview nowhere/sheet.png
    refuse 2 'train: --preview draws pictures, 8-bit images of 1 or 3 channels; a sample of this data set is 2 numbers' \
        "$train" "$repo/configs/xor.json" --preview sheet.png
    refuse 2 'train: --preview shows how training begins; leave out --resume' \
        "$train" photos.json --preview sheet.png --resume
}

# A name with a letter that cannot be drawn.
test_names() {
    cp -R photos named
    mv named/ring named/zwölf
    run 0 "$train" photos.json --set dataset.directory="$PWD/named" --preview sheet.png
    same "a name that cannot be drawn" "$(cat "$out")" "sheet.png shows the first batch, 64 samples
#9 is zwölf"
    rm -rf named named.*.cache sheet.png
}

# ---- from training to prediction ----

test_photos() {
    run 0 "$train" photos.json --quiet --run-dir run
    run 0 "$evaluate" run/model.safetensors --part training --json
    accuracy=$("$tools/json" get "$out" training_accuracy)
    check "training accuracy $accuracy, at least 0.7" awk -v a="$accuracy" 'BEGIN { exit !(a >= 0.7) }'
    run 0 "$evaluate" run/model.safetensors --part validation
    check "evaluate names classes" has '^sandglass  *20 ' "$out"

    # What evaluate and predict say about the same pictures.
    run 0 "$evaluate" run/model.safetensors --data whole.json --part training --json
    accuracy=$("$tools/json" get "$out" training_accuracy)
    run 0 "$predict" run/model.safetensors photos
    right=$(sed 's,^photos/\([a-z]*\)/[0-9]*.jpg: \1 (.*,right,' "$out" | grep -c '^right$')
    check "evaluate finds $accuracy of 1000 right, and predict $right" \
        awk -v a="$accuracy" -v r="$right" 'BEGIN { exit !(a * 1000 == r) }'
}

# Ways to resize other than fit, where it matters.
test_resize() {
    for resize in fill stretch; do
        run 0 "$train" photos.json --quiet --run-dir $resize --set dataset.size='[16,32]' --set dataset.resize=$resize
        run 0 "$evaluate" $resize/model.safetensors --part validation --json
        run 0 "$evaluate" $resize/model.safetensors --part training --json
        training=$("$tools/json" get "$out" training_accuracy)
        run 0 "$evaluate" $resize/model.safetensors --part validation --json
        validation=$("$tools/json" get "$out" validation_accuracy)
        run 0 "$predict" $resize/model.safetensors photos
        right=$(sed 's,^photos/\([a-z]*\)/[0-9]*.jpg: \1 (.*,right,' "$out" | grep -c '^right$')
        check "resize by $resize: evaluate finds $training and $validation right, predict $right" \
            awk -v t="$training" -v v="$validation" -v r="$right" \
            'BEGIN { d = 800 * t + 200 * v - r; exit !(d < 0.01 && d > -0.01) }'
        rm -rf $resize photos.*.cache
    done
}

# A folder with some of the classes, and one with a class of its own.
test_other_folders() {
    mkdir -p other/square other/bar
    cp photos/square/00*.jpg other/square
    cp photos/bar/00?.jpg other/bar
    sed 's/"photos"/"other"/; s/, "validation_fraction": 0.2//' photos.json >other.json
    run 0 "$evaluate" run/model.safetensors --data other.json --part training
    check "classes are found by name: bar" has '^bar  *10 ' "$out"
    check "classes are found by name: square" has '^square  *10 ' "$out"
    check "classes are found by name: none of the others" has '^cross  *0 ' "$out"
    mv other/square other/squares
    rm -f other.*.cache
    run 1 "$evaluate" run/model.safetensors --data other.json --part training
    same "a class that the model does not know" "$(cat "$err")" \
        'evaluate: the data set has a class "squares", which is not one of the model'"'"'s 10; did you mean "square"?'
    mv other/squares other/square
    sed 's/"size": 32/"size": 32, "resize": "fill"/' other.json >filled.json
    run 1 "$evaluate" run/model.safetensors --data filled.json --part training
    same "pictures resized in another way" "$(cat "$err")" \
        'evaluate: the data set'"'"'s pictures are resized with "fill", but the model was trained on pictures resized with "fit"'
    rm -rf other other.* filled.json
}

"$tools/photos" photos 100
write_config >photos.json
sed 's/, "validation_fraction": 0.2//' photos.json >whole.json
test_preview
test_names
test_photos
test_resize
test_other_folders
rm -f photos.*.cache
finish 'photos
photos.json
run
whole.json'
