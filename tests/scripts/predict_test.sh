#!/bin/sh
# Runs ./predict on everything it accepts: predict_test.sh BINDIR REPO TOOLDIR
set -u

# shellcheck source=tests/scripts/checks.sh
. "$(dirname -- "$0")/checks.sh"
digits=$repo/examples/digits

# names: the files in "$out", in its order, on one line.
names() {
    sed 's/: [^:]*$//' "$out" | tr '\n' ' ' | sed 's/ $//'
}

make_digits_model() {
    cat >digits.json <<END
{
  "dataset": {"format": "synthetic_digits", "samples": 1000},
  "model": {
    "layers": [{"type": "flatten"}, {"type": "dense", "units": 32}, {"type": "relu"}, {"type": "dense", "units": 10}],
    "output": {"type": "softmax_cross_entropy"}
  },
  "train": {"epochs": 2, "optimizer": {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}}
}
END
    run 0 "$train" digits.json --quiet --run-dir digits
    model=digits/model.safetensors
}

# ---- directories ----

test_directories() {
    mkdir -p tree/b/deep tree/a tree/.hidden
    cp "$digits/3.png" tree/b/deep/three.PNG
    cp "$digits/1.png" tree/b/one.png
    cp "$digits/2.png" "tree/b/deep/zwölf Äpfel.png"
    cp "$digits/4.png" tree/a/four.png
    cp "$digits/5.png" tree/.hidden/five.png
    cp "$digits/6.png" tree/.six.png
    echo notes >tree/notes.txt
    : >tree/b/deep/none
    run 0 "$predict" $model tree
    same "pictures of a directory" "$(names)" \
        "tree/a/four.png tree/b/deep/three.PNG tree/b/deep/zwölf Äpfel.png tree/b/one.png"
    check "nothing is said of other files" is_empty "$err"
    run 0 "$predict" $model tree/ tree/a
    same "a slash at the end, and two directories" "$(names)" \
        "tree/a/four.png tree/b/deep/three.PNG tree/b/deep/zwölf Äpfel.png tree/b/one.png tree/a/four.png"
    run 0 "$predict" $model tree/.hidden
    same "a hidden directory that is named" "$(names)" "tree/.hidden/five.png"

    ln -s ../../b tree/b/deep/around
    run 1 "$predict" $model tree
    same "a link that goes round" "$(cat "$err")" \
        "predict: tree/b/deep/around: is a link to a directory that contains it"
    same "answers beside a link that goes round" "$(grep -c : "$out")" 4
    rm tree/b/deep/around
    ln -s nowhere tree/a/gone.png
    run 1 "$predict" $model tree
    same "a link to nothing" "$(cat "$err")" \
        "predict: tree/a/gone.png: cannot be opened: No such file or directory"
    rm tree/a/gone.png
    mkdir none
    refuse 1 "predict: none: holds no pictures (.png, .jpg, .jpeg, .bmp, .tga, .pbm, .pgm, .ppm, .pnm)" "$predict" $model none
    rm -rf none
}

# ---- names ----

# Line ends, quotes and bytes that are not UTF-8, as they occur in file names.
test_odd_names() {
    mkdir odd
    latin=$(printf 'd\351j\340.png')
    cp "$digits/1.png" "odd/a
\"b\".png"
    cp "$digits/2.png" "odd/$latin" 2>/dev/null || cp "$digits/2.png" odd/plain.png
    run 0 "$predict" $model odd
    same "a line for each file" "$(wc -l <"$out" | tr -d ' ')" 2
    same "a line end in a name" "$(head -n 1 "$out" | sed 's/: .*//')" 'odd/a?"b".png'
    run 0 "$predict" $model odd --json
    check "JSON is UTF-8" iconv -f UTF-8 -t UTF-8 "$out"
    same "a line end and quotes in a name, in JSON" "$(sed 's/,.*//; 1q' "$out")" \
        '{"file":"odd/a\n\"b\".png"'
    if [ -e "odd/$latin" ]; then
        same "bytes that are not UTF-8, in JSON" "$(sed -n 's/,.*//; 2p' "$out")" \
            "$(printf '{"file":"odd/d\357\277\275j\357\277\275.png"')"
    fi
    rm -rf odd
}

# ---- what is broken ----

# More pictures than a batch holds, with broken ones among them.
test_broken_files() {
    mkdir many
    i=100
    while [ $i -lt 300 ]; do
        cp "$digits/$((i % 10)).png" many/$i.png
        i=$((i + 1))
    done
    run 0 "$predict" $model many --json
    mv "$out" whole.jsonl
    head -c 100 "$digits/1.png" >many/120.png
    echo "no picture" >many/199.png
    : >many/200.png
    run 1 "$predict" $model many --json
    same "what is said of broken files" "$(sed 's/^predict: \([^:]*\):.*/\1/' "$err" | tr '\n' ' ')" \
        "many/120.png many/199.png many/200.png "
    check "an empty file" has '^predict: many/200.png: the file is empty$' "$err"
    grep -v -e /120.png -e /199.png -e /200.png whole.jsonl >expected.jsonl
    check "the others get the same answers, in their order" cmp expected.jsonl "$out"
    run 0 "$predict" $model many/150.png --json
    grep /150.png whole.jsonl >expected.jsonl
    check "a picture alone gets the same answer" cmp expected.jsonl "$out"
    for threads in 1 2 5; do
        run 1 "$predict" $model many --json --threads $threads
        grep -v -e /120.png -e /199.png -e /200.png whole.jsonl >expected.jsonl
        check "the same answers with $threads threads" cmp expected.jsonl "$out"
    done
    rm -rf many whole.jsonl expected.jsonl
}

# ---- lists on standard input ----

# feed TEXT CODE COMMAND...: runs the command with the text, formatted by printf, on standard input.
feed() {
    printf "$1" >"$scratch/input"
    expected_code=$2
    shift 2
    checks=$((checks + 1))
    code=0
    "$@" >"$out" 2>"$err" <"$scratch/input" || code=$?
    [ "$code" -eq "$expected_code" ] || {
        complain "exit code $code instead of $expected_code: $*"
        cat "$out" "$err"
    }
}

test_lists() {
    feed 'tree/b/one.png\r\n\ntree/b/deep\ntree/a/four.png' 0 "$predict" $model -
    same "a list" "$(names)" \
        "tree/b/one.png tree/b/deep/three.PNG tree/b/deep/zwölf Äpfel.png tree/a/four.png"
    feed '' 0 "$predict" $model -
    check "an empty list" is_empty "$out"
    feed 'no.png\ntree/a/four.png\n' 1 "$predict" $model - tree/b/one.png
    same "a list and a file" "$(names)" "tree/a/four.png tree/b/one.png"
    same "a picture of a list that is not there" "$(cat "$err")" \
        "predict: no.png: cannot be opened: No such file or directory"
    feed 'tree/a/four.png\ntree/\0a\ntree/b/one.png\n' 1 "$predict" $model -
    same "a NUL byte in a list" "$(cat "$err")" "predict: -:2: the line holds a NUL byte"
    same "the lines around one with a NUL byte" "$(names)" "tree/a/four.png tree/b/one.png"
    head -c 100000 /dev/zero | tr '\0' x >long
    run 1 sh -c '"$1" "$2" - <long' sh "$predict" $model
    same "a long line" "$(cat "$err")" "predict: -:1: the line is longer than 65536 bytes"
    rm long
}

# Each answer comes before the next line of the list.
test_answers_at_once() {
    mkfifo questions answers
    "$predict" $model - <questions >answers 2>"$err" &
    exec 3>questions 4<answers
    echo tree/a/four.png >&3
    read -r first <&4
    echo tree/b/one.png >&3
    read -r second <&4
    exec 3>&- 4<&-
    wait $!
    same "answers at once" "${first%%:*} ${second%%:*}" "tree/a/four.png tree/b/one.png"
    rm questions answers
}

# Nor do answers wait for the rest of a line of which a part is there: 32 lines fill the reader's
# buffer, so that what follows them is read by itself.
test_answers_before_part_of_a_line() {
    line=$(printf 'tree//%2030s/a/four.png' '' | sed 's/  /\/./g')
    { for _ in $(seq 32); do echo "$line"; done && printf tree/b/; } >list
    same "the lines before the part" "$(wc -c <list)" 65543
    mkfifo questions answers
    "$predict" $model - <questions >answers 2>"$err" &
    exec 3>questions 4<answers
    cat list >&3
    for _ in $(seq 32); do read -r before <&4; done
    echo one.png >&3
    read -r last <&4
    exec 3>&- 4<&-
    wait $!
    same "answers before a part of a line" "${before%%:*} ${last%%:*}" "$line tree/b/one.png"
    rm questions answers list
}

# ---- IDX files ----

test_idx_files() {
    head -c 156800 /dev/zero >zeros
    { printf '\000\000\010\003\000\000\000\310\000\000\000\034\000\000\000\034' && cat zeros; } >whole.idx
    run 0 "$predict" $model whole.idx
    same "answers for an IDX file" "$(grep -c '^whole.idx\[[0-9]*\]: ' "$out")" 200
    gzip -c whole.idx >packed.idx.gz
    run 0 "$predict" $model packed.idx.gz
    same "answers for a packed IDX file" "$(grep -c '^packed.idx.gz\[[0-9]*\]: ' "$out")" 200
    head -c 100000 whole.idx >cut.idx
    run 1 "$predict" $model cut.idx tree/a/four.png
    same "an IDX file that is cut" "$(cat "$err")" \
        "predict: cut.idx: the header promises 200 images of 28 × 28, the data ends after 127"
    same "answers for what there is of it" "$(grep -c '^cut.idx\[[0-9]*\]: ' "$out")" 127
    check "what comes after it" has '^tree/a/four.png: ' "$out"
    run 0 "$predict" $model cut.idx --limit 100
    printf '\000\000\010\001\000\000\000\002\001\002' >labels.idx
    refuse 1 "predict: labels.idx: holds labels, not samples" "$predict" $model labels.idx
    printf '\000\000\010\003\000\000\000\001\000\000\000\002\000\000\000\002\001\002\003\004' >small.idx
    refuse 1 "predict: small.idx: holds samples of 1 × 2 × 2, but the model takes 1 × 28 × 28" \
        "$predict" $model small.idx
    rm zeros ./*.idx packed.idx.gz
}

# ---- CIFAR files ----

test_cifar_files() {
    cat >colour.json <<END
{
  "dataset": {"format": "images", "directory": "pictures", "size": 32, "cache": "none"},
  "model": {
    "layers": [{"type": "flatten"}, {"type": "dense", "units": 2}],
    "output": {"type": "softmax_cross_entropy"}
  },
  "train": {"epochs": 1}
}
END
    mkdir -p pictures/dark pictures/light
    cp "$digits/1.png" pictures/dark
    check "picture" "$tools/picture" --invert "$digits/1.png" pictures/light/1.png
    run 0 "$train" colour.json --quiet --run-dir colour
    # A label and a picture, or two labels and one.
    { printf '\001' && head -c 3072 /dev/zero && printf '\000' && head -c 3072 /dev/zero | tr '\0' '\377'; } >ten.bin
    { printf '\001\002' && head -c 3072 /dev/zero; } >hundred.bin
    run 0 "$predict" colour/model.safetensors ten.bin hundred.bin
    same "pictures of CIFAR files" "$(sed 's/ (.*//' "$out")" "ten.bin[0]: dark
ten.bin[1]: light
hundred.bin[0]: dark"
    head -c 5000 ten.bin >cut.bin
    refuse 1 "predict: cut.bin: not a complete CIFAR file: its 5000 bytes are not whole pictures of 3072, with 1 or 2 labels each" \
        "$predict" colour/model.safetensors cut.bin
    rm -rf pictures colour ./*.bin colour.json
}

# ---- tables ----

# A model of numbers that was not trained on a table.
test_rows() {
    run 0 "$train" "$repo/configs/xor.json" --quiet --run-dir xor
    model=xor/model.safetensors
    run 0 "$predict" $model 0,0 '0;1' '1	0' 1,1
    same "rows on the command line" "$(sed 's/ (.*//' "$out")" "0,0: 0
0;1: 1
1	0: 1
1,1: 0"
    run 0 "$predict" $model -1,0 -.5,-1 --top 1
    same "rows that begin with a minus" "$(sed 's/: .*//' "$out" | tr '\n' ' ')" "-1,0 -.5,-1 "
    run 0 "$predict" $model "0.$(printf %0300d 0),1"
    check "a row that is longer than the name of a file can be" has '^0\.0*,1: 1 (' "$out"
    refuse 2 'predict: xor/model.safetensors: takes numbers, not pictures; leave out --invert' \
        "$predict" $model 0,1 --invert
    refuse 1 'predict: 1,0,1:1:5: expected 2 fields, the numbers that the model takes, found 3' \
        "$predict" $model 1,0,1
    printf '0,1\n1, 1\n\n"0",0\n5,x\n1,0\n1,1,1\n0,1' >rows.csv
    run 1 "$predict" $model rows.csv
    same "rows of a file" "$(sed 's/ (.*//' "$out")" "rows.csv:1: 1
rows.csv:2: 0
rows.csv:4: 0
rows.csv:6: 1
rows.csv:8: 1"
    same "rows that are wrong" "$(cat "$err")" 'predict: rows.csv:5:3: column 2: expected a number, found "x"
predict: rows.csv:7:5: expected 2 fields as in line 1, found 3'
    run 1 sh -c '"$1" "$2" - --json <rows.csv' sh "$predict" $model
    mv "$out" answers.jsonl
    same "rows of standard input" "$("$tools/json" lines answers.jsonl file line classes)" 5
    check "their lines" has '^{"file":"-","line":4,"classes":\[{"class":"0",' answers.jsonl
    mkdir tables
    printf '0\t1\n' >tables/b.tsv
    printf '1;1\n' >tables/a.CSV
    echo 0,1 >tables/notes.txt
    run 0 "$predict" $model tables
    same "tables of a directory" "$(sed 's/ (.*//' "$out")" "tables/a.CSV:1: 0
tables/b.tsv:1: 1"
    rm tables/*.?[sS][vV]
    refuse 1 "predict: tables: holds no tables (.csv, .tsv)" "$predict" $model tables
    refuse 1 "predict: 0,x:1:3: column 2: expected a number, found \"x\"" "$predict" $model 0,x
    refuse 1 "predict: no.csv: cannot be opened: No such file or directory" "$predict" $model no.csv
    refuse 1 "predict: : cannot be opened: No such file or directory" "$predict" $model ''
    printf '\000\000\010\002\000\000\000\001\000\000\000\002\001\001' >bytes.idx
    refuse 1 "predict: bytes.idx: holds 8-bit samples, but the model was trained on numbers" \
        "$predict" $model bytes.idx
    i=0
    while [ $i -lt 30 ]; do
        echo "1,x$i"
        i=$((i + 1))
    done >wrong.csv
    run 1 "$predict" $model wrong.csv
    same "lines about thirty wrong rows" "$(grep -c . "$err")" 21
    same "the last of them" "$(tail -n 1 "$err")" "predict: wrong.csv: 10 more rows have errors"
    rm -rf tables xor rows.csv wrong.csv bytes.idx answers.jsonl
}

# What evaluate and predict say about the same rows; columns by name, numbers and texts.
test_tables() {
    {
        echo 'size,colour,weight,kind'
        i=0
        while [ $i -lt 40 ]; do
            echo "$((i % 7)),red,$((i % 5)).5,apple"
            echo "$((i % 7 + 5)),\"yellow, green\",$((i % 5 + 3)).5,pear"
            i=$((i + 1))
        done
    } >fruit.csv
    cat >fruit.json <<END
{
  "dataset": {"format": "csv", "file": "fruit.csv", "target": "kind", "categories": ["colour"]},
  "model": {
    "layers": [{"type": "dense", "units": 2}],
    "output": {"type": "softmax_cross_entropy"}
  },
  "train": {"epochs": 5}
}
END
    run 0 "$train" fruit.json --quiet --run-dir fruit
    model=fruit/model.safetensors
    run 0 "$evaluate" $model --part training --json
    same "training accuracy" "$("$tools/json" get "$out" training_accuracy)" 1
    run 0 "$predict" $model fruit.csv
    same "rows of the training table" "$(sed 's/ (.*//; s/^.*: //' "$out" | sort | uniq -c | tr -s ' \n' ' ')" " 40 apple 40 pear "
    printf 'weight\tcolour\tnote\tsize\n1.5\tred\tnice\t2\n4.5\tyellow, green\t\t9\n' >new.tsv
    run 0 "$predict" $model new.tsv '2,red,1.5' '2,red,1.5,'
    same "columns by name, and rows without names" "$(sed 's/ (.*//' "$out")" "new.tsv:2: apple
new.tsv:3: pear
2,red,1.5: apple
2,red,1.5,: apple"
    printf 'weight,size\n1.5,2\n' >new.csv
    run 1 "$predict" $model new.csv
    check "a column that is missing" has '^predict: new.csv:1:1: there is no column "colour"' "$err"
    run 1 "$predict" $model 2,blue,1.5
    check "a text that training did not know" has '^predict: 2,blue,1.5:1:3: column 2 ("colour"): ' "$err"

    # Other tables to evaluate on: with columns at other positions, and with other columns or texts.
    echo 'kind,size,colour,weight
pear,9,"yellow, green",4.5
apple,1,red,1.5' >other.csv
    sed 's/fruit.csv/other.csv/' fruit.json >other.json
    run 0 "$evaluate" $model --data other.json --part training --json
    same "accuracy on a table with columns elsewhere" "$("$tools/json" get "$out" training_accuracy)" 1
    sed 's/red/blue/' other.csv >new.csv && mv new.csv other.csv
    refuse 1 "evaluate: the data set's columns, or the texts in them, are not those that the model was trained on; they differ from column 2 onwards, there \"colour\"" \
        "$evaluate" $model --data other.json --part training

    # Numbers to predict, and one so large that its prediction is not finite.
    sed -e 's/"target": "kind"/"target": "weight", "drop": "kind", "task": "regression", "normalize": "none"/' \
        -e 's/"units": 2/"units": 8, "initializer": 10}, {"type": "dense", "units": 1/; s/softmax_cross_entropy/mean_squared_error/' \
        -e 's/"epochs": 5/"epochs": 5, "optimizer": {"type": "sgd", "learning_rate": 1e-3}, "clip_gradient_norm": 1/' \
        fruit.json >weights.json
    run 0 "$train" weights.json --quiet --run-dir weights
    printf 'size,colour\n2,red\n3e38,red\n3,red\n' >new.csv
    run 1 "$predict" weights/model.safetensors new.csv
    same "rows that have an answer" "$(sed 's/: .*//' "$out" | tr '\n' ' ')" "new.csv:2 new.csv:4 "
    same "a row that has none" "$(cat "$err")" "predict: new.csv:3: the prediction is not finite; check that \
the numbers are like those the model was trained on, and how it does in ./evaluate"
    refuse 2 'predict: weights/model.safetensors: predicts numbers, not classes; leave out --top' \
        "$predict" weights/model.safetensors new.csv --top 2
    rm -rf fruit fruit.* other.* new.?sv weights weights.json
}

# ---- memory ----

test_memory() {
    if [ -n "${MOTE_SANITIZED:-}" ]; then
        return
    fi
    # 100,000 samples of 28 × 28 bytes.
    { printf '\000\000\010\003\000\001\206\240\000\000\000\034\000\000\000\034' && head -c 78400000 /dev/zero; } |
        gzip -1 >large.idx.gz
    run 0 "$tools/peak_memory" memory "$predict" digits/model.safetensors large.idx.gz
    same "answers for a large file" "$(grep -c . "$out")" 100000
    check "a large IDX file: $(cat memory) MB of memory, less than 40" test "$(cat memory)" -lt 40
    rm -f large.idx.gz memory
}

make_digits_model
test_directories
test_odd_names
test_broken_files
test_lists
test_answers_at_once
test_answers_before_part_of_a_line
test_idx_files
rm -rf tree
test_cifar_files
test_rows
test_tables
test_memory
finish 'digits
digits.json'
