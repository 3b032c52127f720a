#!/bin/sh
# readme_test.sh ROOT: runs every command and every program of the README in order, in a copy of the
# checkout. Only ./tests/run.sh, which runs this, is left out. The copy has the data sets, if they
# exist; without MNIST, the commands that need it are left out, too.
set -eu

root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cp -R "$root"/CMakeLists.txt "$root"/README.md "$root"/src "$root"/include "$root"/examples \
    "$root"/datasets "$root"/configs "$root"/tests "$work"
cd "$work"

# Where the README says to put pictures of your own.
rm -rf datasets/photos
stb=$(pkg-config --cflags-only-I stb 2>/dev/null || echo "-I/usr/include/stb -I/usr/local/include/stb")
# shellcheck disable=SC2086
${CC:-cc} tests/tools/photos.c -o photos -w $stb -lm
./photos datasets/photos 16

# blocks LANGUAGE: the text between ```LANGUAGE and ```.
blocks() {
    sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/!p;}" README.md
}

{
    echo 'set -eu'
    blocks sh | grep -v '^\./tests/run\.sh$'
} >commands.sh
[ "$(wc -l <commands.sh)" -gt 10 ] || {
    echo "the README's commands were not found"
    exit 1
}
if ! ls datasets/mnist/train-images-idx3-ubyte* >/dev/null 2>&1; then
    echo "MNIST is not there: the README's commands that need it are left out"
    sed '/mnist/d; /runs\/first/d; /quickstart/d' commands.sh >some.sh
    mv some.sh commands.sh
fi
sh -x commands.sh

blocks c >embed.c
PKG_CONFIG_PATH=$(dirname "$(find "$PWD/build/installed" -name mote.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
${CC:-cc} -Wall -Wextra -Werror embed.c -o embed $(pkg-config --cflags --libs mote)
if [ -f runs/first/model.safetensors ]; then
    ./embed runs/first/model.safetensors
fi

# json_block NUMBER: one of the JSON blocks, followed by a comma.
json_block() {
    awk -v n="$1" '/^```/ { on = 0 } on && i == n; /^```json$/ { on = 1; i++ }' README.md | sed '$s/$/,/'
}

# The keys of the JSON blocks are those of a config: they replace the data set of photos.json, and
# add to its training.
json_block 1 >checkpoint.json
{
    echo '{'
    json_block 2
    sed -n '/"model"/,$p' configs/photos.json | sed '/"train": {/r checkpoint.json'
} >configs/mine.json
./train configs/mine.json --run-dir mine --set train.epochs=1
for keys in '"size":64' '"every_minutes":5'; do
    tr -d '[:space:]' <mine/config.json | grep -q "$keys" || {
        echo "the README's JSON blocks do not configure $keys"
        exit 1
    }
done
echo "all of the README works"
