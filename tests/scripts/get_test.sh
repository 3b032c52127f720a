#!/bin/sh
# Checks datasets/get.sh without a network: get_test.sh REPO_ROOT
#
# Works on a copy of get.sh in a temporary directory, on small files made up here. If MOTE_DATASET_MIRROR names a
# directory that holds MNIST, fetches that as well, into the temporary directory too.
set -eu

if [ $# -ne 1 ] || [ ! -f "$1/datasets/get.sh" ]; then
    echo "usage: tests/scripts/get_test.sh REPO_ROOT" >&2
    exit 2
fi
root=$(CDPATH='' cd -- "$1" && pwd)
real_mirror=${MOTE_DATASET_MIRROR:-}
unset MOTE_DATASET_MIRROR

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A space in every path, because a user's may have one.
datasets="$work/a checkout/datasets"
mirror="$work/a mirror"
files='train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte'
cifar10_members='data_batch_1.bin data_batch_2.bin data_batch_3.bin data_batch_4.bin data_batch_5.bin test_batch.bin
    batches.meta.txt'
cifar100_members='train.bin test.bin fine_label_names.txt coarse_label_names.txt'
failures=0

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

md5_sum() {
    if command -v md5sum >/dev/null 2>&1; then md5sum; else md5; fi | cut -d ' ' -f 1
}

# Starts a test: a fresh copy of get.sh with the real sums, and a mirror of small files that fit no data set.
begin() {
    test_name=$1
    rm -rf -- "$datasets" "$mirror"
    mkdir -p -- "$datasets" "$mirror/mnist" "$mirror/kmnist" "$mirror/cifar10" "$mirror/cifar100"
    cp -- "$root/datasets/get.sh" "$root/datasets/"*.sha256 "$root/datasets/"*.md5 "$datasets"
    for file in $files; do
        echo "made up for $file" | gzip -c >"$mirror/mnist/$file.gz"
        cp -- "$mirror/mnist/$file.gz" "$mirror/kmnist/$file.gz"
    done
    # shellcheck disable=SC2086
    pack cifar10 cifar-10-binary cifar-10-batches-bin $cifar10_members readme.html
    # shellcheck disable=SC2086
    pack cifar100 cifar-100-binary cifar-100-binary $cifar100_members
}

# pack NAME ARCHIVE DIRECTORY FILE...: puts an archive of small files on the mirror.
pack() {
    packed=$work/packed
    rm -rf -- "$packed"
    mkdir -p -- "$packed/$3"
    archive=$mirror/$1/$2.tar.gz
    inside=$3
    shift 3
    for file in "$@"; do
        echo "made up for $file" >"$packed/$inside/$file"
    done
    tar -czf "$archive" -C "$packed" "$inside"
}

# Replaces the sums with those of the made-up files, so that fetching them succeeds.
trust_the_mirror() {
    for file in $files; do
        echo "$(gzip -dc <"$mirror/mnist/$file.gz" | sha256)  $file"
    done >"$datasets/mnist.sha256"
    for file in $files; do
        echo "$(md5_sum <"$mirror/kmnist/$file.gz")  $file.gz"
    done >"$datasets/kmnist.md5"
    for archive in cifar10/cifar-10-binary.tar.gz cifar100/cifar-100-binary.tar.gz; do
        echo "$(md5_sum <"$mirror/$archive")  ${archive#*/}" >"$datasets/${archive%/*}.md5"
    done
}

# get ARGUMENT...: runs the copy; leaves its exit code in $status and its output in $work/out and $work/err.
get() {
    status=0
    MOTE_DATASET_MIRROR=${use_mirror-$mirror} "$datasets/get.sh" "$@" >"$work/out" 2>"$work/err" || status=$?
}

# expect WHAT COMMAND...: the test fails unless COMMAND succeeds.
expect() {
    what=$1
    shift
    "$@" && return 0
    failures=$((failures + 1))
    echo "FAILED: $test_name: expected $what"
    echo "  exit code $status, stdout and stderr were:"
    sed 's/^/    /' "$work/out" "$work/err"
    echo "  in $datasets:"
    find "$datasets" | sed 's/^/    /'
}

expect_status() {
    expect "exit code $1" [ "$status" -eq "$1" ]
}

expect_message() {
    expect "the message to say \"$1\"" grep -qF -e "$1" "$work/err"
}

expect_only_complete() {
    expect "one line, \"datasets/$1: complete\"" [ "$(cat "$work/out" "$work/err")" = "datasets/$1: complete" ]
}

# expect_nothing_of NAME: nothing of it was left behind, not even its directory.
expect_nothing_of() {
    expect "nothing left in datasets/$1" [ ! -e "$datasets/$1" ]
}

expect_no_temporary_files() {
    expect "no temporary files left" [ -z "$(find "$datasets" -name '*.part*')" ]
}

same_as_mirror() {
    for file in $files; do
        cmp -s -- "$mirror/$1/$file.gz" "$datasets/$1/$file.gz" || return 1
    done
}

expect_all_of() {
    expect "all files of datasets/$1, as on the mirror" same_as_mirror "$1"
    expect_no_temporary_files
}

# ---- wrong usage -----------------------------------------------------------------------------------------------------

begin 'an unknown name'
get cifar
expect_status 2
expect_message cifar
for name in mnist fashion-mnist kmnist cifar10 cifar100; do expect_message "$name"; done
expect_nothing_of cifar

begin 'two names in one'
get 'mnist kmnist'
expect_status 2

begin 'a name that is a path'
get ../mnist
expect_status 2

begin 'no name'
get
expect_status 2
expect_message usage

begin 'too many names'
get mnist kmnist
expect_status 2
expect_nothing_of mnist

begin '--help'
get --help
expect_status 0
expect 'the usage on stdout' grep -q fashion-mnist "$work/out"

# ---- what is kept beside the script ----------------------------------------------------------------------------------

begin 'the sums'
status=0
: >"$work/out"
: >"$work/err"
for sums in mnist.sha256:64 fashion-mnist.md5:32 kmnist.md5:32; do
    sums_file=$root/datasets/${sums%:*}
    pattern="^[0-9a-f]{${sums#*:}}  (train|t10k)-(images-idx3|labels-idx1)-ubyte(\.gz)?\$"
    expect "four sums of ${sums#*:} digits in $sums_file" [ "$(grep -cE "$pattern" "$sums_file")" -eq 4 ]
done
for sums in cifar10:cifar-10 cifar100:cifar-100; do
    sums_file=$root/datasets/${sums%:*}.md5
    expect "one sum in $sums_file" [ "$(grep -cE "^[0-9a-f]{32}  ${sums#*:}-binary\.tar\.gz\$" "$sums_file")" -eq 1 ]
done

# ---- failures --------------------------------------------------------------------------------------------------------

begin 'a file missing on the mirror'
trust_the_mirror
rm -- "$mirror/mnist/train-images-idx3-ubyte.gz"
get mnist
expect_status 1
expect_message "$mirror/mnist/train-images-idx3-ubyte.gz"
expect_message MOTE_DATASET_MIRROR
expect_nothing_of mnist

begin 'a mirror that is not there'
use_mirror=$work/nowhere
get mnist
unset use_mirror
expect_status 1
expect_message "$work/nowhere"
expect_nothing_of mnist

begin 'wrong contents, checked by sha256'
get mnist
expect_status 1
expect_message train-images-idx3-ubyte.gz
expect_message "expected $(awk '$2 == "train-images-idx3-ubyte" { print $1 }' "$datasets/mnist.sha256")"
expect_message "found    $(echo 'made up for train-images-idx3-ubyte' | sha256)"
expect_nothing_of mnist

begin 'wrong contents, checked by md5'
get kmnist
expect_status 1
expect_message "expected $(awk '$2 == "train-images-idx3-ubyte.gz" { print $1 }' "$datasets/kmnist.md5")"
expect_message "found    $(md5_sum <"$mirror/kmnist/train-images-idx3-ubyte.gz")"
expect_nothing_of kmnist

# Cut within its last 8 bytes, a file still has all the data, so only gzip's own check can tell.
for cut in 4 20; do
    begin "a file cut short by $cut bytes"
    trust_the_mirror
    whole=$mirror/mnist/train-images-idx3-ubyte.gz
    size=$(($(wc -c <"$whole")))
    head -c $((size - cut)) <"$whole" >"$work/short" && mv -- "$work/short" "$whole"
    get mnist
    expect_status 1
    expect_message 'not a whole gzip file'
    expect_message "$((size - cut)) bytes"
    expect_nothing_of mnist
done

begin 'a failure after the first file'
trust_the_mirror
rm -- "$mirror/mnist/t10k-labels-idx1-ubyte.gz"
get mnist
expect_status 1
expect_message 'still needed: t10k-labels-idx1-ubyte.gz'
expect 'the files that were right to stay' [ -f "$datasets/mnist/train-images-idx3-ubyte.gz" ]
expect_no_temporary_files

# ---- success ---------------------------------------------------------------------------------------------------------

for name in mnist kmnist; do
    begin "fetching $name, twice"
    trust_the_mirror
    get "$name"
    expect_status 0
    expect_all_of "$name"
    rm -rf -- "$mirror/$name.gone" && mv -- "$mirror/$name" "$mirror/$name.gone"
    get "$name"
    expect_status 0
    expect_only_complete "$name"
    mv -- "$mirror/$name.gone" "$mirror/$name"
done

# expect_members NAME FILE...: exactly those files.
expect_members() {
    name=$1
    shift
    for file in "$@"; do
        expect "datasets/$name/$file as in the archive" \
            [ "$(cat -- "$datasets/$name/$file" 2>&1)" = "made up for $file" ]
    done
    expect "nothing but $* in datasets/$name" [ "$(find "$datasets/$name" -type f | wc -l)" -eq $(($# + 1)) ]
    expect_no_temporary_files
}

for name in cifar10 cifar100; do
    case $name in
    cifar10) members=$cifar10_members ;;
    *) members=$cifar100_members ;;
    esac
    begin "fetching $name, twice"
    trust_the_mirror
    get "$name"
    expect_status 0
    # shellcheck disable=SC2086
    expect_members "$name" $members
    rm -rf -- "${mirror:?}/$name"
    get "$name"
    expect_status 0
    expect_only_complete "$name"

    begin "a file of $name gone, or damaged"
    trust_the_mirror
    get "$name"
    for damage in rm 'cp /dev/null'; do
        for member in $members; do
            # shellcheck disable=SC2086
            $damage "$datasets/$name/$member"
            get "$name"
            expect_status 0
            expect_message "$member is missing or damaged"
            # shellcheck disable=SC2086
            expect_members "$name" $members
        done
    done
done

begin 'an archive that is not the right one'
get cifar10
expect_status 1
expect_message 'expected c32a1d4ab5d03f1284b67883e8d87530'
expect_message "$mirror/cifar10/cifar-10-binary.tar.gz"
expect_nothing_of cifar10

begin 'an archive without one of its files'
pack cifar100 cifar-100-binary cifar-100-binary train.bin fine_label_names.txt coarse_label_names.txt
trust_the_mirror
get cifar100
expect_status 1
expect_message 'it could not be unpacked: '
expect_message 'cifar-100-binary/test.bin'
expect_nothing_of cifar100

begin 'a file:// mirror, from another directory'
trust_the_mirror
use_mirror=file://$mirror/
status=0
(cd / && get mnist && exit "$status") || status=$?
unset use_mirror
expect_status 0
expect_all_of mnist

begin 'a relative mirror'
trust_the_mirror
use_mirror='a mirror'
status=0
(cd "$work" && get mnist && exit "$status") || status=$?
unset use_mirror
expect_status 0
expect_all_of mnist

begin 'one file gone, another damaged'
trust_the_mirror
get mnist
rm -- "$datasets/mnist/t10k-images-idx3-ubyte.gz"
echo damaged >"$datasets/mnist/train-labels-idx1-ubyte.gz"
get mnist
expect_status 0
expect_message train-labels-idx1-ubyte.gz
expect 'the right files left alone' [ "$(grep -c ': fetching ' "$work/err")" -eq 2 ]
expect_all_of mnist

begin 'a read-only mirror'
trust_the_mirror
chmod a-w "$mirror/mnist/"*
get mnist
expect_status 0
expect 'files that can be written' [ -n "$(find "$datasets/mnist" -name 'train-images*' -perm -u+w)" ]

begin 'two at once'
trust_the_mirror
MOTE_DATASET_MIRROR=$mirror "$datasets/get.sh" mnist >/dev/null 2>&1 &
get mnist
expect_status 0
wait $! || status=$?
expect_status 0
expect_all_of mnist

# ---- the real thing --------------------------------------------------------------------------------------------------

if [ -f "$real_mirror/mnist/train-images-idx3-ubyte.gz" ]; then
    begin 'MNIST itself, twice'
    use_mirror=$real_mirror
    get mnist
    expect_status 0
    expect_no_temporary_files
    get mnist
    expect_status 0
    expect_only_complete mnist
    unset use_mirror
else
    echo "MOTE_DATASET_MIRROR names no directory with MNIST: not fetching that"
fi

if [ "$failures" -ne 0 ]; then
    echo "$failures check(s) failed"
    exit 1
fi
echo 'all checks passed'
