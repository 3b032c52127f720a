# shellcheck shell=sh disable=SC2034
# checks.sh: shared by the tests of the programs; sourced by a script that was called with BINDIR REPO TOOLDIR.
#
# BINDIR holds train, evaluate and predict; TOOLDIR the programs of tests/tools. Changes to a temporary directory with a
# space in its name, which is removed at the end.
if [ $# -ne 3 ] || [ ! -x "$1/train" ] || [ ! -d "$2/tests/bad_configs" ] || [ ! -x "$3/json" ]; then
    echo "usage: tests/scripts/$(basename "$0") BINDIR REPO TOOLDIR" >&2
    exit 2
fi
bin=$(CDPATH='' cd -- "$1" && pwd)
repo=$(CDPATH='' cd -- "$2" && pwd)
tools=$(CDPATH='' cd -- "$3" && pwd)
train=$bin/train
evaluate=$bin/evaluate
predict=$bin/predict
version=$(sed -n 's/.*MOTE_VERSION "\(.*\)".*/\1/p' "$repo/include/mote/version.h")
unset OPENBLAS_CORETYPE

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
out=$scratch/out
err=$scratch/err
mkdir "$scratch/a place"
cd "$scratch/a place" || exit 1

# ---- checking ----

checks=0
failures=0

complain() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n' "$*"
}

# check WHAT COMMAND...: the command must succeed.
check() {
    what=$1
    shift
    checks=$((checks + 1))
    "$@" >"$scratch/said" 2>&1 || {
        complain "$what"
        cat "$scratch/said"
    }
}

# run CODE COMMAND...: the command must exit with this code. Its output is in "$out" and "$err".
run() {
    expected_code=$1
    shift
    checks=$((checks + 1))
    code=0
    "$@" >"$out" 2>"$err" </dev/null || code=$?
    [ "$code" -eq "$expected_code" ] || {
        complain "exit code $code instead of $expected_code: $*"
        cat "$out" "$err"
    }
}

# same WHAT FOUND EXPECTED: the two texts must be equal.
same() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || complain "$1: expected
$3
found
$2"
}

has() {
    grep -q -e "$1" "$2"
}

lacks() {
    ! grep -q -e "$1" "$2"
}

is_empty() {
    [ ! -s "$1" ]
}

list_files() {
    find . | LC_ALL=C sort
}

# refuse CODE MESSAGE COMMAND...: the command must exit with this code, print exactly this on stderr and nothing on
# stdout, and leave no file behind.
refuse() {
    refused_code=$1
    refusal=$2
    shift 2
    list_files >"$scratch/files_before"
    run "$refused_code" "$@"
    same "stderr of $*" "$(cat "$err")" "$refusal"
    check "nothing on stdout: $*" is_empty "$out"
    list_files >"$scratch/files_after"
    check "no file left behind: $*" cmp "$scratch/files_before" "$scratch/files_after"
}

# finish FILES: prints the number of checks and whether all passed; only FILES may be left behind.
finish() {
    same "files left at the end" "$(ls)" "$1"
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
}
