#!/bin/sh
# Runs the programs as a user would, with good input and bad: cli_test.sh BINDIR REPO TOOLDIR
#
# BINDIR holds train, evaluate and predict; TOOLDIR the programs of tests/tools. Works in a temporary directory with a
# space in its name. Reports each failure, continues, and exits with 1 if there was any.
#
# MOTE_SANITIZED  set if the programs run under sanitizers: memory is not measured then
set -u

# shellcheck source=tests/scripts/checks.sh
. "$(dirname -- "$0")/checks.sh"

# ---- configs that are wrong ----

# types_of TOPIC: the classes listed by help: "dense, flatten, ...".
types_of() {
    "$train" --help "$1" | sed -n 's/^\([a-z0-9_]*\):.*/\1/p' | tr '\n' ',' | sed 's/,$//; s/,/, /g'
}

# NAME.expected: the exit code, then what train prints on stderr, with {layers} for the names of all layers.
test_bad_configs() {
    layers=$(types_of layers)
    mkdir bad
    cp "$repo"/tests/bad_configs/*.json bad
    cd bad || exit 1
    for config in *.json; do
        expected=$repo/tests/bad_configs/${config%.json}.expected
        refuse "$(sed -n 1p "$expected")" "$(sed "1d; s/{layers}/$layers/" "$expected")" "$train" "$config"
    done
    cd ..
    rm -rf bad
}

# ---- a good config, and what can go wrong with it ----

write_config() {
    cat <<END
{
  "dataset": {"format": "synthetic_digits", "samples": 2000, "test_samples": 500, "validation_fraction": 0.1},
  "model": {
    "layers": [
      {"type": "flatten"},
      {"type": "dense", "units": 64},
      {"type": "relu"},
      {"type": "dense", "units": 10}
    ],
    "output": {"type": "softmax_cross_entropy"}
  },
  "train": {
    "epochs": 3,
    "optimizer": {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}
  }
}
END
}

usage_of() {
    case $1 in
    train) printf 'usage: train CONFIG [OPTION]...\nfor more, see train --help' ;;
    evaluate) printf 'usage: evaluate MODEL [OPTION]...\nfor more, see evaluate --help' ;;
    predict) printf 'usage: predict MODEL FILE... [OPTION]...\nfor more, see predict --help' ;;
    esac
}

# misuse PROGRAM MESSAGE ARGUMENT...: expects exit code 2, the message and the usage.
misuse() {
    misused=$1
    message=$2
    shift 2
    refuse 2 "$misused: $message
$(usage_of "$misused")" "$bin/$misused" "$@"
}

test_bad_arguments() {
    for program in train evaluate predict; do
        misuse $program 'unknown option -x' -x digits.json
        misuse $program 'unknown option --frobnicate' --frobnicate
        misuse $program 'unknown option --hepl; did you mean "help"?' --hepl
        misuse $program 'unknown option --hepl; did you mean "help"?' --hepl=1
    done
    misuse train 'expected CONFIG'
    misuse train 'unexpected argument "two.json"' digits.json two.json
    misuse train 'unexpected argument "--quiet"' digits.json -- --quiet
    misuse train 'unknown option --quite; did you mean "quiet"?' digits.json --quite
    misuse train '--quiet takes no value' digits.json --quiet=yes
    misuse train '--run-dir needs a value' digits.json --run-dir
    misuse train '--run-dir needs a value' digits.json --run-dir --resume
    misuse train 'there is no help on "layer"; did you mean "layers"?' --help layer
    misuse train 'there is no help on "layer.dense"; did you mean "layers.dense"?' --help layer.dense
    misuse train 'there is no help on "layers.Dence"; did you mean "layers.dense"?' --help layers.Dence
    misuse train 'there is no help on "ReLU"; did you mean "layers.relu"?' --help ReLU
    misuse train 'there is no help on "epoch"; did you mean "train.epochs"?' --help epoch
    misuse train 'there is no help on "seeds"; did you mean "seed"?' --help seeds
    misuse train "there is no help on \"layers.transformer\"; available: $(types_of layers)" --help layers.transformer
    misuse train 'there is no help on "everything"; available: config, train, datasets, augmentations, layers, outputs, optimizers, schedules, checkpoint, early_stopping, metrics' \
        --help everything
    misuse evaluate 'expected MODEL'
    misuse evaluate 'unexpected argument "b"' a b
    misuse evaluate '--threads takes a whole number, not "abc"' a --threads abc
    misuse predict 'expected MODEL FILE...' a
    misuse predict '--top takes a whole number, not "-1"' a b --top -1
    misuse predict '--limit takes a whole number, not "1e3"' a b --limit=1e3
    refuse 2 "train: --resume continues with the run's own parameters; leave out --init-from" \
        "$train" digits.json --resume --init-from other.safetensors
    refuse 2 "train: --force only has an effect with --resume" "$train" digits.json --force
    refuse 2 'predict: --top takes a number of at least 1' "$predict" a b --top 0
}

# Overrides: each KEY=VALUE of the table, and the message about it.
test_bad_overrides() {
    while IFS='|' read -r override message; do
        refuse 2 "train: --set $override: $message" "$train" digits.json --set "$override"
    done <<'END'
train|expected KEY=VALUE, such as train.epochs=3
=3|expected KEY=VALUE, such as train.epochs=3
model.layers[9].units=3|there is no such place in the config; keys look like train.epochs or model.layers[1].units
model.layers[-1].units=3|there is no such place in the config; keys look like train.epochs or model.layers[1].units
train..epochs=3|there is no such place in the config; keys look like train.epochs or model.layers[1].units
train.epochs.more=3|there is no such place in the config; keys look like train.epochs or model.layers[1].units
train.epochz=3|train.epochz: there is no such key here; did you mean "epochs"?
trian.epochs=3|trian: there is no such key here; did you mean "train"?
train.epochs=many|train.epochs: expected an integer >= 1 and <= 1000000000, found the string "many"
train.epochs=|train.epochs: expected an integer >= 1 and <= 1000000000, found the string ""
model.layers[2].type=rleu|model.layers[2].type: no layer is called "rleu"; did you mean "relu"?
END
    refuse 2 'train: --set train.threads=abc: train.threads: expected an integer >= 0 and <= 256, found the string "abc"' \
        "$train" digits.json --threads abc
    refuse 2 'train: --set seed=-1: seed: expected an integer >= 0 and <= 9007199254740991, found -1' "$train" digits.json --seed -1
}

test_bad_files() {
    mkdir full && echo text >full/file
    refuse 1 'train: no.json: cannot be opened: No such file or directory' "$train" no.json
    refuse 1 'train: full: cannot be read: Is a directory' "$train" full
    refuse 1 'train: full: not an empty directory; name a new or empty one, or add --resume to continue the run that is there' \
        "$train" digits.json --run-dir full
    refuse 1 'train: full/file/run: the directory cannot be created: Not a directory' \
        "$train" digits.json --run-dir full/file/run
    refuse 2 'train: the run directory has no name' "$train" digits.json --run-dir=
    refuse 1 'train: no.safetensors: cannot be opened: No such file or directory' \
        "$train" digits.json --init-from no.safetensors
    refuse 1 'train: digits.json: not a safetensors file, or cut short' "$train" digits.json --init-from digits.json
    refuse 1 'train: runs/digits: there is no run to resume' "$train" digits.json --resume
    refuse 1 'train: full: there is no run to resume: neither a checkpoint nor a config.json' \
        "$train" digits.json --resume --run-dir full
    message='no.safetensors: cannot be opened: No such file or directory'
    refuse 1 "evaluate: $message" "$evaluate" no.safetensors
    refuse 1 "predict: $message" "$predict" no.safetensors picture.png
    message='digits.json: not a safetensors file, or cut short'
    refuse 1 "evaluate: $message" "$evaluate" digits.json
    refuse 1 "predict: $message" "$predict" digits.json picture.png
    if [ "$(id -u)" -ne 0 ]; then
        cp digits.json secret.json && chmod 0 secret.json
        refuse 1 'train: secret.json: cannot be opened: Permission denied' "$train" secret.json
        rm -f secret.json
    fi
    rm -rf full
}

# ---- help ----

test_help() {
    for program in train evaluate predict; do
        for option in --help -h; do
            run 0 "$bin/$program" $option
            check "$program $option tells its usage" has "^usage: $program " "$out"
            check "$program $option says nothing on stderr" is_empty "$err"
        done
        run 0 "$bin/$program" --version
        same "$program --version" "$(cat "$out")" "mote $version"
    done
    while read -r topic word; do
        run 0 "$train" --help "$topic"
        check "train --help $topic tells of $word" has "$word" "$out"
        check "train --help $topic fits on a screen" lacks '^.\{100\}' "$out"
    done <<'END'
config "seed":
train "batch_size":
layers ^dense:
augmentations ^rotate:
augmentations.rotate "degrees":
outputs ^softmax_cross_entropy:
optimizers ^sgd:
schedules ^cosine:
datasets ^synthetic_digits:
datasets.idx "validation_fraction":
metrics "every_steps":
metrics.norms "norms":
train.epochs "epochs":
seed "seed":
name "name":
END
    for topic in datasets augmentations layers outputs optimizers schedules; do
        for type in $(types_of $topic | tr -d ,); do
            run 0 "$train" --help "$topic.$type"
            check "--help $topic.$type tells of it" has "^$type:" "$out"
            check "--help $topic.$type has an example" has "^    example: {\"[a-z]*\": \"$type\"" "$out"
            check "--help $topic.$type fits on a screen" lacks '^.\{100\}' "$out"
        done
    done
    run 0 "$train" --help layers.leaky_relu
    same "--help layers.leaky_relu" "$(cat "$out")" 'leaky_relu: y = x where x > 0, else slope × x
    "slope": a number >= 0 and <= 1; default 0.01
        the slope below 0
    example: {"type": "leaky_relu", "slope": 0.1}'
    run 0 "$train" --help config
    example_in "$out" >example.json
    run 0 "$train" --help train
    run 0 "$train" example.json --dry-run --set "train=$(example_in "$out")"
    check "the examples of config and train fit together" has 'learning rate 0.05, schedule cosine' "$err"
    rm example.json
}

# example_in FILE: the example that help gives, on one line.
example_in() {
    sed -n '/^    example:/,$p' "$1" | tr -s '\n ' ' ' | sed 's/^ example: //'
}

# ---- training ----

METRICS='epoch step seconds samples_per_second learning_rate train_loss train_accuracy validation_loss validation_accuracy'

# epochs_of RUN: the number of lines in metrics.jsonl, each with all keys.
epochs_of() {
    # shellcheck disable=SC2086
    "$tools/json" lines "$1/metrics.jsonl" $METRICS
}

differ() {
    ! cmp -s "$1" "$2"
}

same_model() {
    check "$1: the same model, byte for byte" cmp "$2/model.safetensors" "$3/model.safetensors"
}

test_dry_run() {
    refuse_nothing=$(list_files)
    run 0 "$train" digits.json --dry-run
    check "--dry-run tells of the layers" has '^ 3 dense  *10  *650$' "$err"
    check "--dry-run tells of all parameters" has '^   softmax_cross_entropy  *50,890$' "$err"
    check "--dry-run tells of the data" has '^data    1,800 training, 200 validation, 500 test samples of 1 × 28 × 28, 10 classes$' "$err"
    check "--dry-run tells of the kernels" has '^on .* thread.*OpenBLAS kernels ' "$err"
    check "--dry-run trains nothing" lacks epoch "$err"
    check "--dry-run prints no result" is_empty "$out"
    same "files after --dry-run" "$(list_files)" "$refuse_nothing"
    run 0 "$train" digits.json --dry-run --quiet
    check "--dry-run --quiet says nothing" is_empty "$err"
}

test_run() {
    run 0 "$train" digits.json
    first=runs/digits/001
    same "files of a run" "$(ls $first)" "$(printf '%s\n' checkpoint.safetensors config.json metrics.jsonl model.safetensors result.json)"
    same "lines of metrics.jsonl" "$(epochs_of $first)" 3
    same "lines about epochs on stderr" "$(grep -c '^epoch [123]/3  loss .* accuracy .*  validation loss ' "$err")" 3
    check "no escape sequences outside of a terminal" lacks "$(printf '\033')" "$err"
    check "stdout begins with the result" has '^test loss [0-9.]*, test accuracy [0-9.]* %$' "$out"
    result=$(sed -n 1p "$out")
    for key in test_loss test_accuracy samples classes confusion steps seconds seed version; do
        check "result.json has $key" "$tools/json" get $first/result.json $key
    done
    run 0 "$train" digits.json --quiet
    same "stdout of --quiet" "$(cat "$out")" "$result"
    check "stderr of --quiet" is_empty "$err"
    same "the next run" "$(ls runs/digits)" "001
002"
    same_model "same config and seed" $first runs/digits/002
    same "no files elsewhere" "$(ls)" "digits.json
runs"
}

test_same_bits() {
    first=runs/digits/001
    for threads in 1 2 3; do
        run 0 "$train" digits.json --quiet --threads $threads --run-dir "threads $threads"
        same_model "--threads $threads" $first "threads $threads"
    done
    run 0 "$train" $first/config.json --quiet --run-dir again
    same_model "the run's own config" $first again
    check "the run's own config: the same config" cmp $first/config.json again/config.json
    mkdir elsewhere && cd elsewhere && mkdir here
    run 0 "$train" ../digits.json --quiet --run-dir here
    cd ..
    same_model "a config in another directory, an empty --run-dir" $first elsewhere/here
    run 0 "$train" digits.json --quiet --seed 2 --run-dir other
    check "another seed: another model" differ $first/model.safetensors other/model.safetensors
    run 0 "$train" digits.json --quiet --run-dir started --init-from $first/model.safetensors --set train.epochs=1
    refuse 1 "train: $first/model.safetensors: the tensor \"layers.1.weight\" is 64 × 784, but the model needs 65 × 784" \
        "$train" digits.json --init-from $first/model.safetensors --set 'model.layers[1].units=65'
    rm -rf threads* again elsewhere other started
}

# ---- layers within layers ----

write_residual_config() {
    cat <<END
{
  "dataset": {"format": "synthetic_digits", "samples": 300, "test_samples": 100, "validation_fraction": 0.1},
  "model": {
    "layers": [
      {"type": "flatten"},
      {"type": "dense", "units": 16},
      {
        "type": "residual",
        "layers": [
          {"type": "relu"},
          {"type": "residual", "layers": [{"type": "leaky_relu"}, {"type": "dense", "units": 16, "bias": false}]},
          {"type": "dense", "units": 12}
        ],
        "shortcut": [{"type": "dense", "units": 12}]
      },
      {"type": "dense", "units": 10}
    ],
    "output": {"type": "softmax_cross_entropy"}
  },
  "train": {"epochs": 3, "batch_size": 32}
}
END
}

# layers_of FILE: the table of layers, without trailing spaces.
layers_of() {
    sed -n '/^   layer/,/^$/p' "$1" | sed 's/ *$//'
}

test_residual() {
    write_residual_config >residual.json
    run 0 "$train" residual.json --dry-run
    same "layers within layers" "$(layers_of "$err")" "   layer                  output               parameters
 0 flatten                784                           0
 1 dense                  16                       12,560
 2 residual               12                            0
     layers
      0 relu              16                            0
      1 residual          16                            0
          layers
           0 leaky_relu   16                            0
           1 dense        16                          256
      2 dense             12                          204
     shortcut
      0 dense             12                          204
 3 dense                  10                          130
   softmax_cross_entropy                           13,354"
    run 0 "$train" residual.json --quiet --run-dir whole
    accuracy=$("$tools/json" get whole/result.json test_accuracy)
    for threads in 1 2 3; do
        run 0 "$train" residual.json --quiet --threads $threads --run-dir "threads $threads"
        same_model "layers within layers, --threads $threads" whole "threads $threads"
    done
    run 0 "$train" whole/config.json --quiet --run-dir again
    same_model "the run's own config, with layers within layers" whole again
    check "the run's own config: the same config" cmp whole/config.json again/config.json
    run 0 "$evaluate" whole/model.safetensors --data residual.json --json
    mv "$out" evaluation.json
    same "test_accuracy of evaluate" "$("$tools/json" get evaluation.json test_accuracy)" "$accuracy"
    run 0 "$predict" whole/model.safetensors "$repo/examples/digits/3.png"
    run 0 "$train" residual.json --quiet --run-dir started --init-from whole/model.safetensors --set train.epochs=1
    refuse 1 "train: whole/model.safetensors: the tensor \"layers.2.layers.2.weight\" is 12 × 16, but the model needs 13 × 16" \
        "$train" residual.json --init-from whole/model.safetensors --set 'model.layers[2].shortcut[0].units=13' \
        --set 'model.layers[2].layers[2].units=13'
    refuse 2 "train: residual.json:7:7: model.layers[2] (residual): its body gives 12, but its shortcut gives 13; they are added, so they must match" \
        "$train" residual.json --set 'model.layers[2].shortcut[0].units=13'
    rm -rf whole threads* again started evaluation.json residual.json
}

# On a terminal of 60 columns: a changing line, which has to fit, and a line per epoch.
test_terminal() {
    if ! script -qec true /dev/null >/dev/null 2>&1; then
        echo "skipped: a terminal (needs script, of util-linux)"
        return
    fi
    run 0 env TERM=xterm train="$train" script -qec 'stty cols 60; "$train" digits.json --run-dir shown' /dev/null
    tr '\r' '\n' <"$out" | sed "s/$(printf '\033')\\[K//g" >shown/screen
    check "a terminal shows a line that changes" has '^epoch 1/3  loss .*  [0-9:]* left$' shown/screen
    check "the changing line fits" lacks '^.\{60\}.*left$' shown/screen
    same "lines about epochs, cut to fit" "$(grep -c '^epoch ./3  loss .*  validation [0-9.]*  [0-9.]* %  [0-9.]* s$' shown/screen)" 3
    run 0 env TERM=dumb train="$train" script -qec '"$train" digits.json --run-dir dumb' /dev/null
    check "a terminal that cannot redraw a line is not asked to" lacks "$(printf '\033')" "$out"
    rm -rf shown dumb
}

# Without a validation part and without a test part.
test_parts() {
    run 0 "$train" digits.json --run-dir parts --set dataset.validation_fraction=0 --set dataset.test_samples=0 \
        --set train.epochs=1
    check "without a test part" has '^trained for [0-9.]* s; the data set has no test part$' "$out"
    check "without a validation part the model is the last" has 'holds the last model$' "$out"
    same "validation_loss without a validation part" "$("$tools/json" get parts/metrics.jsonl validation_loss)" null
    refuse 1 'evaluate: the data set has no test part; try another --part' "$evaluate" parts/model.safetensors
    refuse 1 'evaluate: the data set has no validation part; try another --part' "$evaluate" parts/model.safetensors --part validation
    run 0 "$evaluate" parts/model.safetensors --part training
    rm -rf parts
}

test_divergence() {
    run 3 "$train" digits.json --run-dir diverged --set train.optimizer.learning_rate=1e6
    check "divergence is explained" has '^train: the output of layers.3. (dense) became .* in epoch 1, step .*, at a learning rate of 1e+06$' "$err"
    check "divergence comes with advice" has '^try a lower learning rate, a warm-up' "$err"
    check "the batch that diverged is named" has '^  samples of the batch, counted from 0: [0-9]' "$err"
    check "the batch that diverged is drawn" has '^diverged/diverged.png shows the batch, diverged/diverged.json lists it' "$err"
    same "the kind of drawing" "$(head -c 4 diverged/diverged.png | tail -c 3)" PNG
    same "the layer that diverged" "$("$tools/json" get diverged/diverged.json layer)" '"layers[3] (dense)"'
    check "divergence gives no model" test ! -e diverged/model.safetensors
    rm -rf diverged
    run 0 "$train" digits.json --run-dir diverged --set train.optimizer.learning_rate=1e-9
    check "how to look at pictures" has '^note: the loss is not falling: .* match the data (--preview) and ' "$err"
    rm -rf diverged
    # One step, to weights that are finite, but too large for a finite loss.
    run 3 "$train" digits.json --run-dir diverged --set train.optimizer.learning_rate=1e30 --set train.max_steps=1
    check "divergence in the last step gives no result" test ! -e diverged/result.json
    check "divergence in the last step prints no result" is_empty "$out"
    rm -rf diverged
    # An outlier in line 42: it corrupts the weights, and the next step fails because of them.
    for i in $(seq 60); do
        echo "$((i % 7)),$((i % 5)),$((i % 2))"
    done | sed '42s/^[^,]*/1e30/' >table.csv
    cat >table.json <<'JSON'
{"name": "table", "dataset": {"format": "csv", "file": "table.csv", "target": 3, "normalize": "none"},
 "model": {"layers": [{"type": "dense", "units": 8}, {"type": "dense", "units": 2}],
           "output": {"type": "softmax_cross_entropy"}},
 "train": {"epochs": 50, "batch_size": 4, "optimizer": {"type": "sgd", "learning_rate": 0.1}}}
JSON
    run 3 "$train" table.json --run-dir diverged
    check "the step before is told" has '^  weights had become large in step [0-9]*: from .* to .*e+.*, in layers' "$err"
    check "and which of its samples had the largest loss" has '^  of these, 41 had the largest loss' "$err"
    check "and where that is" has '^  41 is table.csv:42$' "$err"
    check "all in diverged.json" has '"worst_origin":	"table.csv:42"' diverged/diverged.json
    rm -rf diverged
    # The same, but overflowing at once, and only in that sample.
    sed -i '42s/^[^,]*/3e38/' table.csv
    run 3 "$train" table.json --run-dir diverged --set 'model.layers[0].initializer=9' --set train.shuffle=false \
        --set train.optimizer.learning_rate=1e-9
    check "the sample is told" has '^  it shows in 1 of them: 41$' "$err"
    for member in epoch=1 step=11 learning_rate=1e-09 'layer="layers[0] (dense)"' validation=false \
        'samples=[40,41,42,43]' 'origins=["table.csv:41","table.csv:42","table.csv:43","table.csv:44"]' 'affected=[41]'; do
        same "diverged.json: ${member%%=*}" "$("$tools/json" get diverged/diverged.json "${member%%=*}")" "${member#*=}"
    done
    # In the validation after 8 steps, which that sample is drawn into with this seed.
    rm -rf diverged
    run 3 "$train" table.json --run-dir diverged --set dataset.validation_fraction=0.5 --seed 2 \
        --set 'model.layers=[{"type": "dense", "units": 2, "initializer": 9}]'
    for member in step=8 validation=true 'affected=[41]'; do
        same "diverged.json in validation: ${member%%=*}" "$("$tools/json" get diverged/diverged.json "${member%%=*}")" "${member#*=}"
    done
    # A long report, with long names.
    far=some/directory/that/is/far/below/this/one/measurements.of.the.year.2026
    mkdir -p $far
    for i in $(seq 6000); do
        echo "$((i % 7)),$((i % 5)),$((i % 2))"
    done | sed '4242s/^[^,]*/1e28/' >$far/measured.values.csv
    rm -rf diverged
    run 3 "$train" table.json --run-dir diverged --set dataset.file=$far/measured.values.csv --set train.batch_size=40 --set train.clip_gradient_norm=1e30 --set 'model.layers=[{"type": "residual", "layers": [{"type": "residual", "layers": [{"type": "dense", "units": 8}, {"type": "relu"}, {"type": "dense", "units": 2}]}]}, {"type": "relu"}, {"type": "dense", "units": 3}, {"type": "dense", "units": 2}]'
    check "of a long path, the end is told" has '^  4241 is [.][.][.].\{60\}$' "$err"
    check "the longest report is whole" has '^try a lower learning rate, a longer warm-up, a smaller clip_gradient_norm, or another normalization of the data$' "$err"
    rm -rf diverged some
    # Weights jump in the first step without harm; they have nothing to do with a sample that becomes infinite when
    # centred.
    seq 200 | awk '{ print ($1 < 42 ? $1 % 7 : $1 == 42 ? "3e38" : "-3.2e38") "," $1 % 5 "," $1 % 2 }' >table.csv
    run 3 "$train" table.json --run-dir diverged --set dataset.normalize=standard --set 'model.layers=[{"type": "dense", "units": 2}]' --set train.optimizer.learning_rate=10000 --set train.checkpoint.every_steps=5
    check "a sample that is not finite" has '^train: a sample holds infinity in epoch 1, step 17, ' "$err"
    check "no weights are blamed for it" lacks 'weights had become large' "$err"
    sed -n 's/^the checkpoint of step 15 is kept; to resume from it, once the data are corrected: //p' "$err" >way_out
    check "the way out of bad data: $(cat way_out)" has ' --resume --run-dir diverged --set .* --force$' way_out
    check "with the same learning rate" has ' train.optimizer.learning_rate=10000 ' way_out
    seq 200 | awk '{ print $1 % 7 "," $1 % 5 "," $1 % 2 }' >table.csv
    run 0 sh ./way_out
    check "it goes on from there" has '^resumes diverged after step 15$' "$err"
    rm -rf diverged table.csv table.json way_out
}

# Everything is fine except for a sample of the test part, whose product with a weight overflows.
test_infinite_test() {
    seq 40 | awk 'BEGIN { print "x,y" } { print $1 % 2 "," $1 % 2 }' >rows.csv
    { cat rows.csv && echo 3e38,1; } >test.csv
    cat >beyond.json <<END
{"dataset": {"format": "csv", "file": "rows.csv", "test_file": "test.csv", "target": "y", "normalize": "none"},
 "model": {"layers": [{"type": "dense", "units": 2, "initializer": 9}], "output": {"type": "softmax_cross_entropy"}},
 "train": {"epochs": 2}}
END
    refused='train: the loss on the test part is not finite: look there for samples unlike the training samples, or try a lower learning rate, a warm-up, or another normalization of the data'
    run 3 "$train" beyond.json --run-dir beyond --quiet
    same "stderr of a test that is not finite" "$(cat "$err")" "$refused"
    check "nothing is printed as the result" is_empty "$out"
    same "the loss in its result" "$("$tools/json" get beyond/result.json test_loss)" null
    run 0 "$evaluate" --runs beyond
    check "the run is done" has '^[.]  *done  *2  ' "$out"
    run 0 "$evaluate" beyond/model.safetensors
    check "no sign before NaN" has '^test loss NaN, test accuracy ' "$out"
    rm -rf rows.csv test.csv beyond.json beyond
}

test_stopping() {
    run 0 "$train" digits.json --run-dir early --set train.epochs=50 --set train.early_stopping.patience=1
    check "why training ends is said" has '^stopped early: the validation loss has not improved for 1 epoch$' "$err"
    same "why training ended" "$("$tools/json" get early/result.json ended)" '"patience"'
    check "the settings are in the resolved config" grep -q '"patience":	1' early/config.json
    rm -rf early
    run 0 "$train" digits.json --run-dir early --set train.target_accuracy=0.5
    check "a target that is reached" has '^stopped early: the validation accuracy has reached 50 %$' "$err"
    rm -rf early
    run 0 "$train" digits.json --run-dir early --set train.epochs=1000 --set train.max_minutes=0.001
    check "time that is over" has '^stopped early: the time limit of 0.001 min has been reached$' "$err"
    rm -rf early
    run 0 "$train" digits.json --run-dir early --set train.max_steps=31
    check "steps that are done" has '^stopped early: max_steps, 31, has been reached$' "$err"
    for key in max_steps=31 epochs=1 target_accuracy=0.01 max_minutes=1e-9; do
        # A run that target_accuracy or max_minutes ended continues if that key is not set, and ends at once if it is.
        [ $key = max_steps=31 ] || [ $key = epochs=1 ] || {
            rm -rf early
            run 0 "$train" digits.json --run-dir early --quiet --set train.$key
        }
        run 0 "$train" digits.json --run-dir early --resume --dry-run --set train.$key
        check "nothing is left to train, $key: $(cat "$err")" \
            has "^ended   nothing is left to train; to continue, raise train.${key%=*}$" "$err"
    done
    run 0 "$train" digits.json --run-dir early --resume --dry-run
    check "something is left to train" lacks '^ended ' "$err"
    rm -rf early
}

# An epoch has 29 steps.
test_metrics() {
    metrics='train.metrics={"every_steps": 10, "norms": true}'
    run 0 "$train" digits.json --run-dir plain --quiet
    run 0 "$train" digits.json --run-dir told --quiet --set "$metrics"
    same_model "with metrics" plain told
    check "metrics in the resolved config" grep -q '"norms":	true' told/config.json
    check "no metrics in the resolved config" grep -q '"norms":	false' plain/config.json
    mkdir steps epochs
    grep '"steps"' told/metrics.jsonl >steps/metrics.jsonl
    grep -v '"steps"' told/metrics.jsonl >epochs/metrics.jsonl
    same "lines of steps" "$("$tools/json" lines steps/metrics.jsonl epoch step seconds samples_per_second learning_rate \
        steps loss accuracy norms)" 8
    # shellcheck disable=SC2086
    same "lines of epochs" "$("$tools/json" lines epochs/metrics.jsonl $METRICS norms)" 3
    same "the order of lines" "$(sed 's/{"epoch":\([0-9]*\),"step":\([0-9]*\),.*/\1:\2/' told/metrics.jsonl | tr '\n' ' ')" \
        "1:10 1:20 1:29 2:30 2:40 2:50 2:58 3:60 3:70 3:80 3:87 "
    norm='{"weight":[0-9.e-]*,"gradient":[0-9.e-]*}'
    same "norms of all that is trained" "$(grep -c "\"norms\":{\"layers.1.weight\":$norm,\"layers.1.bias\":$norm,\"layers.3.weight\":$norm,\"layers.3.bias\":$norm}}\$" told/metrics.jsonl)" 11
    same "what epochs come to" "$(losses_of epochs | sed 's/,"norms".*/}/')" "$(losses_of plain)"
    run 0 "$train" digits.json --run-dir told --quiet --resume --set train.epochs=4 --set train.metrics.every_steps=100
    same "other metrics from then on" "$(sed -n '12,$s/{"epoch":\([0-9]*\),"step":\([0-9]*\),.*/\1:\2/p' told/metrics.jsonl | tr '\n' ' ')" \
        "4:100 4:116 "
    same "how many steps that tells of" "$(sed -n '12s/.*"steps":\([0-9]*\),.*/\1/p' told/metrics.jsonl)" 20
    rm -rf plain told steps epochs
}

test_overfit_batch() {
    run 0 "$train" digits.json --overfit-batch
    learnt=$(cat "$out")
    check "a batch is learnt" has '^the loss of a batch of [0-9]* samples has vanished after [0-9]* steps: from ' "$out"
    check "what it is trained on: $(cat "$err")" \
        has '^train   one batch of [0-9]* samples with sgd, learning rate 0.05, until its loss vanishes$' "$err"
    run 0 "$train" digits.json --overfit-batch --quiet --set 'train.schedule={"type": "cosine", "warmup_epochs": 1}'
    same "a batch is learnt without the schedule" "$(cat "$out")" "$learnt"
    run 1 "$train" digits.json --overfit-batch --set train.max_steps=1 --quiet
    check "a batch that is not learnt" has '^the loss of a batch of [0-9]* samples has not vanished in 1 step: from ' "$out"
    check "what to do about it" has 'can memorize one batch: try another learning rate, .* look at the data with --preview, and check ' "$err"
    run 1 "$train" digits.json --overfit-batch --set train.max_steps=100 --set train.optimizer.learning_rate=0.0003
    check "a batch that takes longer" has '^train: the loss is still falling: try a higher learning rate, or more steps' "$err"
    run 1 "$train" digits.json --overfit-batch --set train.max_steps=100 --set train.optimizer.learning_rate=1e-6
    check "a batch that takes far longer" has '^train: the loss is still falling: try a higher learning rate, or more steps' "$err"
    # Numbers far from 0: a bias alone removes nearly all of the loss, but the network does not learn how they differ.
    {
        echo 'x,y'
        seq 100 | awk '{ print $1 % 2 "," 100 + ($1 * 7) % 5 }'
    } >far.csv
    cat >far.json <<END
{"dataset": {"format": "csv", "file": "far.csv", "target": "y", "task": "regression"},
 "model": {"layers": [{"type": "dense", "units": 1}], "output": {"type": "mean_squared_error"}},
 "train": {"optimizer": {"type": "sgd", "learning_rate": 0.1}}}
END
    run 1 "$train" far.json --overfit-batch --quiet
    check "numbers of which only the mean is learnt" has 'has not vanished in 5000 steps' "$out"
    check "numbers that are no pictures" has ', look at the data, and check ' "$err"
    check "what to do about it" has 'can memorize one batch: try another learning rate' "$err"
    # With a single sample, the mean of the numbers is already all there is to learn.
    run 0 "$train" far.json --overfit-batch --quiet --set train.batch_size=1
    # Numbers so large that each sigmoid is exactly 0 or 1: the preceding layers get no gradient.
    {
        echo 'x,y'
        seq 100 | awk '{ print 1e6 * ($1 % 2 - 0.5) "," ($1 * 7) % 5 }'
    } >far.csv
    sed -e 's/\[{"type": "dense"/[{"type": "dense", "units": 4}, {"type": "sigmoid"}, &/; s/, \[{/, {/' \
        -e 's/"regression"/&, "normalize": "none"/' far.json >saturated.json
    run 1 "$train" saturated.json --overfit-batch --quiet
    check "parameters without a gradient" has '^train: layers.0.weight, layers.0.bias got no gradient in either the first step or the last: ' "$err"
    rm far.csv far.json saturated.json
    # A loss that explodes, so that later ones are negligible beside it, and then stalls at chance.
    cat >steep.json <<END
{"dataset": {"format": "inline", "samples": [[0, 0], [0, 1], [1, 0], [1, 1]], "labels": [0, 1, 1, 0]},
 "model": {"layers": [{"type": "dense", "units": 8}, {"type": "relu"}, {"type": "dense", "units": 8}, {"type": "relu"},
                      {"type": "dense", "units": 2}], "output": {"type": "softmax_cross_entropy"}},
 "train": {"batch_size": 4, "max_steps": 50, "optimizer": {"type": "sgd", "learning_rate": 1000}}}
END
    run 1 "$train" steep.json --overfit-batch --quiet
    check "it does not fall any more: $(cat "$err")" has 'can memorize one batch: try another learning rate' "$err"
    check "a batch that is not learnt after an explosion" has '^the loss .* has not vanished in 50 steps: .*, accuracy 50.00 %$' "$out"
    rm steep.json
    run 3 "$train" digits.json --overfit-batch --set train.optimizer.learning_rate=1e20
    check "a batch that diverges" has '^train: the output of layers.3. (dense) became ' "$err"
    refuse 2 'train: --overfit-batch trains from scratch and writes no run; leave out --resume' "$train" digits.json --overfit-batch --resume
}

test_runs() {
    number=1
    for option in seed=2 train.epochs=1 train.optimizer.learning_rate=1e20; do
        "$train" digits.json --quiet --run-dir table/00$number --set "$option" >"$out" 2>"$err"
        number=$((number + 1))
    done
    mkdir -p table/004
    cp table/001/config.json table/004
    run 0 "$evaluate" --runs table
    same "the head of the table" "$(head -n 1 "$out" | cut -c 1-21)" "run     ended        "
    check "a run that is done, and what differs" has '^001 *done .* seed=2 train.epochs=[0-9]* train.optimizer' "$out"
    check "a run that diverged" has '^003 *diverged .*learning_rate=1e' "$out"
    check "a run that was interrupted" has '^004 *interrupted ' "$out"
    refuse 2 'evaluate: --runs does not evaluate a model; leave out --part' "$evaluate" --runs table --part training
    run 0 "$evaluate" --runs table --json
    check "JSON of the runs" has '"ended":	"diverged"' "$out"
    check "JSON of what differs" has '"train.optimizer.learning_rate":	1e+20' "$out"
    refuse 1 'evaluate: table: a directory; name a model, such as table/model.safetensors, or list the runs there with --runs table' \
        "$evaluate" table
    for weight in 3 4; do
        mkdir -p weighted/00$weight
        printf '{"dataset": {"class_weights": {"a[b": 1, "c.d": 2, "e": %s}}}' $weight >weighted/00$weight/config.json
    done
    run 0 "$evaluate" --runs weighted
    check "keys that look like paths do not differ" has '^003 .* -  dataset.class_weights.e=3$' "$out"
    rm -rf weighted
    # By the best epoch: the accuracy, then the loss; those without come last.
    for metrics in 1:0.5:0.1 2:0.9:2 3:0.9:1 5:null:0.2 6:null:0.1; do
        mkdir -p ordered/00${metrics%%:*} ordered/004
        rest=${metrics#*:}
        printf '{"epoch":1,"validation_loss":%s,"validation_accuracy":%s}\n' "${rest#*:}" "${rest%:*}" 3 0.4 \
            >ordered/00${metrics%%:*}/metrics.jsonl
    done
    sed -i 's/0.4/null/' ordered/00[56]/metrics.jsonl
    for number in 1 2 3 4 5 6; do
        echo '{}' >ordered/00$number/config.json
    done
    run 0 "$evaluate" --runs ordered
    same "the best run is first" "$(sed '1d; s/ .*//' "$out" | tr '\n' ' ')" "003 002 001 006 005 004 "
    rm -rf ordered
    refuse 1 'evaluate: table: no run is in progress there' "$evaluate" --runs table --follow
    rm -rf table/002
    run 0 "$train" digits.json --quiet --run-dir table/002 --set train.epochs=2 --set train.metrics.every_steps=14
    run 0 "$evaluate" --runs table
    check "lines of steps are no epochs" has '^002 *done  *2  *[0-9.]*  *0\.[0-9]*  *[0-9.]*  *0\.' "$out"
    if flock -n table/004 true 2>"$err"; then
        cp table/002/metrics.jsonl table/004
        flock table/004 sleep 2 &
        sleep 1
        run 0 "$evaluate" --runs table --follow
        wait
        check "a run that is followed" has '^epoch 1  step [0-9]*  loss [0-9.]*  accuracy [0-9.]* %  validation loss ' "$out"
        same "epochs of a run that is followed" "$(grep -c '^epoch' "$out")" 2
        check "steps of a run that is followed" has '^  step 14, the last 14:  loss [0-9.]*  accuracy [0-9.]* %  [0-9.]* s$' "$out"
        same "all of a run that is followed" "$(lines_of "$out")" 6
        flock table/004 sleep 2 &
        sleep 1
        run 0 "$evaluate" --runs table/004 --follow
        wait
        same "a run that is named itself, and followed" "$(cat "$err")" table/004
    fi
    head -n 1 table/002/metrics.jsonl >table/004/metrics.jsonl
    run 0 "$evaluate" --runs table
    check "an epoch that has begun is not done" has '^004 *interrupted  *0  *0.0  *-  *-  ' "$out"
    rm -rf table/004
    mkdir -p table/group/inner/002 table/.hidden/001
    mv table/001 table/group/inner/001
    for inner in group/inner/002 .hidden/001; do
        cp table/002/config.json table/$inner
    done
    run 0 "$evaluate" --runs table
    same "runs below runs" "$(sed 's/ .*//' "$out" | LC_ALL=C sort)" "002
003
group/inner/001
group/inner/002
run"
    check "columns as wide as the names" has '^003              diverged ' "$out"
    run 0 "$evaluate" --runs table/002
    check "a run alone" has '^[.]       done .*  $' "$out"
    # An earlier result does not end a run that is in progress.
    if flock -n table/002 true 2>"$err"; then
        flock table/002 sleep 1 &
        sleep 0.5
        run 0 "$evaluate" --runs table
        check "a run that goes on" has '^002  *running ' "$out"
        wait
    fi
    echo '{"model":{"layers":[1,2,3,4,5,6,7,8,9,10]},"train":{"epochs":7}}' >table/group/inner/002/config.json
    run 0 "$evaluate" --runs table/group
    check "many differences" has '^inner/002 .*  train.epochs=7 model.layers.0.=1 .* model.layers.6.=7 and 3 more$' "$out"
    # Keys that are class names can hold anything; a file that holds no config is ignored.
    echo '{"dataset":{"class_weights":{"e.coli":2,"[b":3}}}' >table/group/inner/001/config.json
    echo '{"dataset":{"class_weights":{"e.coli":2,"[b":4}}}' >table/group/inner/002/config.json
    mkdir table/group/inner/003
    echo '["train"]' >table/group/inner/003/config.json
    echo '{"epoch":1,"seconds":2,"validation_loss":1.5e20,"validation_accuracy":0.1}' >table/group/inner/003/metrics.jsonl
    printf '%s\n' '{"epoch":2,"seconds":3,"validation_loss":1.5e-7}' '["epoch"]' '7' >table/group/inner/002/metrics.jsonl
    run 0 "$evaluate" --runs table/group
    check "a difference in one of the classes' weights" has '^inner/001 .*[0-9]  dataset.class_weights.\[b=3$' "$out"
    check "a large loss" has '^inner/003  interrupted  *1  *2.0  *1.5e+20  *10.00  *-  *-  $' "$out"
    check "a small loss of numbers" has '^inner/002  interrupted  *2  *3.0  *1.5e-07  *-  *-  *-  dataset.class_weights.\[b=4$' "$out"
    rm -rf table
}

# A file size limit, which fails as a full disk does, and a full device.
test_full_disk() {
    # shellcheck disable=SC2016
    run 1 sh -c 'ulimit -f 100; exec "$1" digits.json --run-dir full --quiet' sh "$train"
    same "what cannot be written" "$(cat "$err")" \
        "train: full/checkpoint.safetensors: cannot be written: File too large; training continues, without a checkpoint so far
train: full/model.safetensors: cannot be written: File too large; training continues, and the model will be written at the end
train: full/model.safetensors: cannot be written: File too large
there is no checkpoint to resume from; make room, or name another directory with --run-dir, and train again"
    same "files of a run on a full disk" "$(ls full)" "config.json
metrics.jsonl"
    same "lines of metrics.jsonl on a full disk" "$(epochs_of full)" 3
    rm -rf full
    # Not even config.json can be written.
    # shellcheck disable=SC2016
    run 1 sh -c 'ulimit -f 0; exec "$1" digits.json --run-dir full --quiet' sh "$train"
    check "a run that has not begun leaves nothing" test ! -e full
    if [ -w /dev/full ]; then
        for program in "$train --help" "$evaluate $1" "$predict $1 $repo/examples/digits/3.png"; do
            # shellcheck disable=SC2016
            run 1 sh -c 'exec $1 >/dev/full' sh "$program"
            check "results that cannot be printed" has 'could not be written: No space left on device' "$err"
        done
    fi
}

# ---- interrupting ----

lines_of() {
    [ ! -e "$1" ] || wc -l <"$1"
}

# wait_for_epoch RUN LINES PID: waits until metrics.jsonl has more than LINES lines or the process has ended.
wait_for_epoch() {
    while [ "$(lines_of "$1/metrics.jsonl")" -le "$2" ] 2>/dev/null || [ ! -e "$1/metrics.jsonl" ]; do
        kill -0 "$3" 2>/dev/null || return
        sleep 0.02 2>/dev/null || sleep 1
    done
}

# interrupt CODE SIGNAL OPTION...: starts or resumes the run "it's stopped" and sends it the signal after an epoch.
# False if the run ended before the signal.
interrupt() {
    expected_code=$1
    signal=$2
    shift 2
    lines=$(lines_of "$stopped/metrics.jsonl")
    "$train" "$config" --run-dir "$stopped" --set train.epochs="$epochs" "$@" >"$out" 2>"$err" &
    child=$!
    wait_for_epoch "$stopped" "${lines:-0}" $child
    kill -s "$signal" $child 2>/dev/null
    code=0
    { wait $child; } 2>/dev/null || code=$? # the shell says that something was killed
    [ "$code" -ne 0 ] || return 1
    same "exit code after SIG$signal" "$code" "$expected_code"
}

# Four interruptions of one run.
interrupt_often() {
    rm -rf "$stopped"
    interrupt 130 INT --seed 7 || return 1
    check "Ctrl-C leaves a checkpoint" test -s "$stopped/checkpoint.safetensors"
    check "Ctrl-C leaves no result" test ! -e "$stopped/result.json"
    refuse 2 "train: $stopped/checkpoint.safetensors: the checkpoint was made with other settings: train.batch_size was 64 and is now 32, seed was 7 and is now 1; $stopped/config.json has the original settings, and --force resumes anyway, if weights and optimizer still fit" \
        "$train" "$config" --resume --run-dir "$stopped" --set train.batch_size=32
    interrupt 143 TERM --resume --seed=7 || return 1
    how_to_go_on=$(sed -n 's/^resume with: //p' "$err")
    check "SIGTERM is as good as Ctrl-C" has '^stopped after step ' "$err"
    interrupt 130 INT --resume --quiet --set seed=7 || return 1
    check "Ctrl-C with --quiet says nothing" is_empty "$err"
    interrupt 137 KILL --resume --seed 7
}

test_interruption() {
    config="it's mine.json"
    stopped="it's stopped"
    cp digits.json "$config"
    for epochs in 60 300 1500 7500; do
        ! interrupt_often || break
    done
    run 0 sh -c "$how_to_go_on"
    run 0 "$train" "$config" --run-dir whole --quiet --set train.epochs="$epochs" --seed 7
    same_model "after four interruptions" whole "$stopped"
    same "epochs after four interruptions" "$(epochs_of "$stopped")" "$epochs"
    same "losses after four interruptions" "$(losses_of "$stopped")" "$(losses_of whole)"
    for key in test_loss test_accuracy classes confusion steps; do
        same "$key after four interruptions" "$("$tools/json" get "$stopped/result.json" $key)" \
            "$("$tools/json" get whole/result.json $key)"
    done
    run 0 "$train" "$config" --run-dir "$stopped" --resume --quiet --set train.epochs="$epochs" --seed 7
    same_model "resuming a run that is done" whole "$stopped"
    rm -rf whole "$stopped" "$config"
}

# Without --run-dir, resumes the newest run: the highest number among those that have begun.
test_newest() {
    for seed in 1 2; do
        run 0 "$train" digits.json --quiet --set name=newest --set train.epochs=1 --set seed=$seed
    done
    mv runs/newest/001 runs/newest/009
    mv runs/newest/002 runs/newest/1000
    mkdir runs/newest/1001
    run 0 "$train" digits.json --set name=newest --set train.epochs=2 --set seed=2 --resume --dry-run
    check "the newest run is gone on with: $(cat "$err")" has '^resumes runs/newest/1000 after step 29$' "$err"
    run 0 "$train" digits.json --quiet --set name=newest --set train.epochs=2 --set seed=2 --resume
    same "epochs of the newest run" "$(epochs_of runs/newest/009) $(epochs_of runs/newest/1000)" "1 2"
    run 0 "$train" digits.json --quiet --set name=newest --set train.epochs=1
    check "a fresh run has a number of its own" test -e runs/newest/1002/model.safetensors
    rm -rf runs/newest
}

# While data is loaded there is nothing to save: train exits and leaves no run. Drawing a million digits takes a while.
test_interrupted_loading() {
    for signal in INT:130 TERM:143; do
        "$train" digits.json --run-dir loading --set dataset.samples=1000000 >"$out" 2>"$err" &
        child=$!
        sleep 1
        kill -s "${signal%:*}" $child
        code=0
        { wait $child; } 2>/dev/null || code=$?
        same "exit code after SIG${signal%:*} while loading" "$code" "${signal#*:}"
        same "what it says then" "$(cat "$err")" "
stopping; interrupt again to quit at once
train: stopped while the data was being loaded"
        check "no run is left" test ! -e loading
    done
}

# losses_of RUN: the lines of metrics.jsonl without what depends on the clock.
losses_of() {
    sed 's/"seconds":[^,]*,"samples_per_second":[^,]*,//' "$1/metrics.jsonl"
}

# ---- plugins ----

test_bad_plugins() {
    echo text >notes.so
    cp "$tools/plugin.so" here.so
    while IFS='|' read -r file message; do
        for program in train evaluate predict; do
            refuse 2 "$program: $file: $message" "$bin/$program" a.json b.png --plugin "$file"
        done
        refuse 2 "train: $file: $message" "$train" --help layers --plugin="$file"
    done <<END
missing.so|cannot be opened: No such file or directory
notes.so|cannot be loaded as a shared object: file too short
.|cannot be loaded as a shared object: cannot read file data: Is a directory
$tools/undefined.so|cannot be loaded as a shared object: undefined symbol: mote_function_of_tomorrow
$tools/no_record.so|not a mote plugin: it has no mote_plugin_export, which MOTE_PLUGIN in mote/plugin.h defines
$tools/other_kind.so|is a plugin for mote 0.0.9 (plugin interface 0), but this is mote $version (plugin interface 4); rebuild it with this mote's headers
$tools/no_classes.so|the plugin nothing: it provides no layer, output, optimizer, schedule or augmentation
$tools/taken.so|the plugin rectifiers: the layer "relu" cannot be registered: the name is taken
END
    run 2 "$train" digits.json --plugin "$tools/other_headers.so"
    check "a plugin built with other headers" \
        has "other_headers.so: was built with other headers than this mote ($version): in it a mote_field has 8 bytes, and here [0-9]*; rebuild it with this mote's headers$" "$err"
    refuse 2 'train: ./here.so: the plugin prelu: the layer "prelu" cannot be registered: the name is taken' \
        "$train" digits.json --plugin here.so --plugin ./here.so
    misuse train '--plugin needs a value' digits.json --plugin
    rm notes.so here.so
}

# A model with a plugin's layer, through all programs, with and without the plugin.
test_plugins() {
    plugin="it's a plugin.so"
    cp "$tools/plugin.so" "$plugin"
    run 0 "$train" --plugin "$plugin" --help layers
    check "--help layers knows a plugin's" has '^prelu: y = max(x, 0) + slope × min(x, 0), where' "$out"
    run 0 "$train" --help layers --plugin "$plugin"
    check "--help layers knows those of plugins behind it" has '^prelu: ' "$out"

    # The slope, which all units share, diverges at the learning rate of the other runs.
    sed 's/"relu"/"prelu"/; s/0\.05/0.01/' digits.json >prelu.json
    refuse 2 'train: prelu.json:7:16: model.layers[2].type: no layer is called "prelu"; did you mean "relu"?' "$train" prelu.json
    run 0 "$train" prelu.json --plugin "$plugin" --run-dir plugged
    check "a plugin's layer has its parameter" has '^ 2 prelu  *64  *1$' "$err"
    augment='dataset.augment=[{"type": "fade", "most": 0.3}, {"type": "shift", "pixels": 2}, {"type": "elastic"}]'
    run 2 "$train" digits.json --set "$augment" --dry-run
    check "a plugin's augmentation is missed" has 'dataset.augment\[0\].type: no augmentation is called "fade"; available: .*; if a plugin provides it, pass --plugin FILE.so' "$err"
    run 0 "$train" digits.json --plugin "$plugin" --set "$augment" --run-dir faded --quiet
    run 0 "$train" faded/config.json --plugin "$plugin" --run-dir again --quiet
    same_model "a plugin's augmentation once more, from config.json" faded again
    rm -rf faded again
    run 0 "$train" --plugin "$plugin" --help schedules
    check "--help schedules knows a plugin's" has '^ebb: the learning rate is halved after each epoch$' "$out"
    ebb='train.schedule={"type": "ebb"}'
    run 2 "$train" digits.json --set "$ebb" --dry-run
    check "a plugin's schedule is missed" has 'train.schedule.type: no schedule is called "ebb"; available: .*; if a plugin provides it, pass --plugin FILE.so' "$err"
    run 0 "$train" digits.json --plugin "$plugin" --set "$ebb" --run-dir whole --quiet
    same "learning rates of a plugin's schedule" "$(sed 's/.*"learning_rate":\([^,]*\),.*/\1/' whole/metrics.jsonl)" "0.05
0.025
0.0125"
    run 0 "$train" digits.json --plugin "$plugin" --set "$ebb" --run-dir parts --quiet --set train.epochs=1
    run 0 "$train" digits.json --plugin "$plugin" --set "$ebb" --run-dir parts --quiet --resume
    same_model "a plugin's schedule, resumed" whole parts
    rm -rf whole parts
    cp plugged/model.safetensors alone.safetensors
    message='alone.safetensors:1:132: model.layers[2].type: no layer is called "prelu"; if a plugin provides it, pass --plugin FILE.so'
    refuse 2 "evaluate: $message" "$evaluate" alone.safetensors --data prelu.json
    refuse 2 "predict: $message" "$predict" alone.safetensors "$repo/examples/digits/1.png"
    run 0 "$evaluate" plugged/model.safetensors --plugin="$plugin" --json
    mv "$out" evaluation.json
    same "test_accuracy of evaluate with a plugin" "$("$tools/json" get evaluation.json test_accuracy)" \
        "$("$tools/json" get plugged/result.json test_accuracy)"
    run 0 "$predict" plugged/model.safetensors "$repo"/examples/digits/*.png --plugin "$plugin"
    same "pictures with a plugin" "$(grep -c ' (' "$out")" 10

    run 2 "$train" plugged/config.json --resume --run-dir plugged
    check "resuming without the plugin" has 'model.layers\[2\].type: no layer is called "prelu"' "$err"
    run 0 "$train" plugged/config.json --plugin "$plugin" --resume --run-dir plugged --quiet
    check "resumed with its plugin" cmp plugged/model.safetensors alone.safetensors
    rm -rf plugged alone.safetensors evaluation.json

    config=prelu.json
    stopped=stopped
    for epochs in 60 300 1500 7500; do
        rm -rf stopped
        ! interrupt 130 INT --plugin "$plugin" || break
    done
    check "how to go on names the plugin" has "^resume with: .* --plugin 'it'\\\\''s a plugin.so' --set train.epochs=$epochs\$" "$err"
    rm -rf stopped prelu.json "$plugin"
}

# ---- evaluating ----

test_evaluation() {
    first=runs/digits/001
    run 0 "$evaluate" $first/model.safetensors --json
    mv "$out" evaluation.json
    for key in test_loss test_accuracy samples classes confusion; do
        same "$key of evaluate" "$("$tools/json" get evaluation.json $key)" "$("$tools/json" get $first/result.json $key)"
    done
    run 0 "$evaluate" $first/model.safetensors --part validation --json --threads 3
    mv "$out" evaluation.json
    same "samples of the validation part" "$("$tools/json" get evaluation.json samples)" 200
    check "the validation part has its own names" "$tools/json" get evaluation.json validation_accuracy
    rm evaluation.json
    run 0 "$evaluate" $first/model.safetensors
    check "evaluate begins with the figures" has '^test loss .*, test accuracy .* % over 500 samples$' "$out"
    check "evaluate says nothing on stderr" is_empty "$err"
    refuse 2 'evaluate: --part: expected training, validation or test, not "all"' \
        "$evaluate" $first/model.safetensors --part all
    cp $first/model.safetensors alone.safetensors
    refuse 2 'evaluate: there is no config.json beside alone.safetensors to say which data to use; name a config with --data CONFIG' \
        "$evaluate" alone.safetensors
    refuse 1 'evaluate: no.json: cannot be opened: No such file or directory' \
        "$evaluate" alone.safetensors --data no.json
    run 0 "$evaluate" alone.safetensors --data digits.json
    head -c 5000 alone.safetensors >cut.safetensors
    message='cut.safetensors: the entry of the tensor "layers.1.weight" makes no sense: the file is cut short or damaged'
    refuse 1 "evaluate: $message" "$evaluate" cut.safetensors --data digits.json
    refuse 1 "predict: $message" "$predict" cut.safetensors "$repo/examples/digits/1.png"
    rm alone.safetensors cut.safetensors
}

test_long_class_names() {
    cp -r runs/digits/001 named
    check "name_classes" "$tools/name_classes" named/model.safetensors named/model.safetensors \
        'nought' 'one, or ace' 'zwölf Äpfel' three four 'five golden rings and a partridge in a pear tree' six seven 8 9
    run 0 "$evaluate" named/model.safetensors
    check "long names in the table" has '^five golden rings and a partridge in a pear tree \{8\}50 ' "$out"
    check "names with accents are aligned" has '^zwölf Äpfel \{45\}50 ' "$out"
    check "numbers stand for long names" has '^ 5 five golden rings an  *[0-9]' "$out"
    run 0 "$predict" named/model.safetensors "$repo/examples/digits/2.png"
    check "predict with names" has '2.png: zwölf Äpfel (' "$out"
    rm -rf named
}

# ---- predicting ----

# count_right: the number of lines of "$out" whose prediction is the digit in the file's name.
count_right() {
    grep -c '\([0-9]\)\.[a-z]*: \1 (' "$out"
}

test_predictions() {
    model=runs/digits/001/model.safetensors
    run 0 "$predict" $model "$repo"/examples/digits/*.png
    right=$(count_right)
    check "$right of examples/digits/*.png are right, at least 9 are" test "$right" -ge 9
    check "no warning" is_empty "$err"
    for format in jpg bmp pgm; do
        mkdir pictures
        for digit in 0 1 2 3 4 5 6 7 8 9; do
            check "picture" "$tools/picture" "$repo/examples/digits/$digit.png" pictures/$digit.$format
        done
        run 0 "$predict" $model pictures/*
        same "right as $format" "$(count_right)" "$right"
        rm -rf pictures
    done
    check "picture" "$tools/picture" --invert "$repo/examples/digits/3.png" inverted.png
    run 0 "$predict" $model inverted.png
    same "warning about an inverted picture" "$(cat "$err")" \
        "predict: inverted.png: looks inverted: it is dark on light, but the model was trained on light on dark; try --invert"
    run 0 "$predict" $model inverted.png --invert
    check "--invert: no warning" is_empty "$err"
    check "--invert: the digit" has '^inverted.png: 3 (' "$out"
    rm inverted.png
}

test_prediction_options() {
    model=runs/digits/001/model.safetensors
    picture=$repo/examples/digits/7.png
    run 0 "$predict" $model "$picture" --top 3
    check "--top 3" has '7.png: 7 ([0-9.]* %), [0-9] ([0-9.]* %), [0-9] ([0-9.]* %)$' "$out"
    run 0 "$predict" $model "$picture" "$picture" --json --top 3
    mv "$out" answers.jsonl
    same "--json: a line each" "$("$tools/json" lines answers.jsonl file classes)" 2
    check "--json: three classes" has '"classes":\[{"class":"7","probability":0[0-9.]*},{[^}]*},{[^}]*}\]}' answers.jsonl
    rm answers.jsonl
    run 0 "$predict" $model "$picture" --top 1000
    refuse 1 'predict: digits.json: cannot be read as a picture: it is not PNG, JPEG, BMP, TGA or PNM' \
        "$predict" $model digits.json
    printf 'P5\n# dark\n4 4\n15\n0123456789abcdef' >dark.pgm
    refuse 1 'predict: dark.pgm: cannot be read as a picture: it holds a value above the brightest one that its header names' \
        "$predict" $model dark.pgm
    rm dark.pgm
    mkfifo pipe
    refuse 1 'predict: pipe: not a regular file' "$predict" $model pipe
    rm pipe
    refuse 1 'predict: .: holds no pictures (.png, .jpg, .jpeg, .bmp, .tga, .pbm, .pgm, .ppm, .pnm)' "$predict" $model .
    run 1 "$predict" $model no.png "$picture"
    check "a missing picture" has '^predict: no.png: cannot be opened: No such file or directory$' "$err"
    check "the others are looked at" has '7.png: 7 (' "$out"
    # Two samples of 28 × 28 zeros.
    { printf '\000\000\010\003\000\000\000\002\000\000\000\034\000\000\000\034' && head -c 1568 /dev/zero; } >two.idx
    run 0 "$predict" $model two.idx
    same "lines for an IDX file" "$(grep -c '^two.idx\[[01]\]: [0-9] (' "$out")" 2
    run 0 "$predict" $model two.idx --limit 1
    same "lines with --limit 1" "$(grep -c '^two.idx\[0\]: ' "$out")" 1
    rm two.idx
}

# ---- the kernels of OpenBLAS ----

kernels_in() {
    sed -n 's/^on .* OpenBLAS kernels //p' "$err"
}

test_kernels() {
    shim=$tools/old_kernels.so
    if [ ! -e "$shim" ] || ! grep -q -w avx2 /proc/cpuinfo 2>/dev/null; then
        echo "skipped: old kernels (needs a processor with AVX2, and no sanitizers)"
        return
    fi
    run 0 env LD_PRELOAD="$shim" "$train" digits.json --dry-run
    if ! has '^old_kernels: Prescott$' "$err"; then
        echo "skipped: old kernels (this OpenBLAS has only one set)"
        return
    fi
    check "old kernels are left for newer ones: $(kernels_in)" lacks 'OpenBLAS kernels Prescott' "$err"
    check "the kernels are named" test -n "$(kernels_in)"
    run 0 env LD_PRELOAD="$shim" MOTE_STUCK_KERNELS=1 "$train" digits.json --dry-run
    check "kernels that OpenBLAS does not leave: the program starts anew" has 'OpenBLAS kernels [A-Z]' "$err"
    check "kernels that OpenBLAS does not leave: $(kernels_in)" lacks 'OpenBLAS kernels Prescott' "$err"
    run 0 env OPENBLAS_CORETYPE=Prescott "$train" digits.json --dry-run
    same "kernels that the user asked for" "$(kernels_in)" Prescott
}

# ---- the config that holds its own data ----

test_xor() {
    for seed in 1 2 3 4 5 6 7 8 9 10; do
        run 0 "$train" "$repo/configs/xor.json" --seed $seed --run-dir xor$seed --quiet
        same "accuracy of XOR with seed $seed" "$("$tools/json" get xor$seed/result.json test_accuracy)" 1
    done
    run 0 "$train" xor1/config.json --run-dir again --quiet
    check "the config that a run wrote holds the data" cmp xor1/model.safetensors again/model.safetensors
    run 0 "$evaluate" xor1/model.safetensors
    check "evaluate finds the data in the run's config" has 'test accuracy 100.00 % over 4 samples$' "$out"
    rm -rf xor[0-9]* again
}

# ---- MNIST ----

test_mnist() {
    if [ ! -e "$repo/datasets/mnist/train-images-idx3-ubyte.gz" ] && [ ! -e "$repo/datasets/mnist/train-images-idx3-ubyte" ]; then
        echo "skipped: MNIST (./datasets/get.sh mnist)"
        return
    fi
    run 0 "$tools/peak_memory" memory "$train" "$repo/configs/mnist.json" --set train.epochs=2 --run-dir mnist
    accuracy=$("$tools/json" get mnist/result.json test_accuracy)
    check "MNIST after two epochs: accuracy $accuracy, at least 0.97" \
        awk -v accuracy="$accuracy" 'BEGIN { exit !(accuracy >= 0.97) }'
    if [ -z "${MOTE_SANITIZED:-}" ]; then
        check "MNIST: $(cat memory) MB of memory, less than 120" test "$(cat memory)" -lt 120
    fi
    test_images=$(ls "$repo"/datasets/mnist/t10k-images-idx3-ubyte*)
    run 0 "$predict" mnist/model.safetensors "$test_images" --limit 5
    same "the first five test images" "$(sed 's/.*\]: \([0-9]\) .*/\1/' "$out" | tr -d '\n')" 72104
    run 0 "$evaluate" mnist/model.safetensors --json
    mv "$out" evaluation.json
    same "test_accuracy of evaluate on MNIST" "$("$tools/json" get evaluation.json test_accuracy)" "$accuracy"
    rm -rf mnist memory evaluation.json
}

# ---- all of it ----

test_bad_configs
write_config >digits.json
test_help
test_bad_arguments
test_bad_overrides
test_bad_files
test_dry_run
test_run
test_same_bits
test_residual
test_terminal
test_parts
test_divergence
test_infinite_test
test_stopping
test_metrics
test_overfit_batch
test_runs
test_full_disk runs/digits/001/model.safetensors
test_evaluation
test_long_class_names
test_predictions
test_prediction_options
test_kernels
test_interruption
test_newest
test_interrupted_loading
test_bad_plugins
test_plugins
test_xor
test_mnist
finish 'digits.json
runs'
