#!/bin/sh
# Builds mote and runs all its tests; see usage() below. The last lines of its output are ctest's own summary.
set -eu

usage() {
    cat <<END
usage: tests/run.sh [--quick]

Installs what the tests need, builds mote with warnings as errors and runs all tests: once as it is shipped
(build-test/), once under the address and undefined-behaviour sanitizers (build-sanitize/). Where there is a clang
beside the usual compiler, also checks that mote builds with it (build-clang/).

  --quick   only build and test as shipped: no sanitizers, no clang

MOTE_DATASET_MIRROR  where datasets/get.sh fetches MNIST from; without MNIST the tests that need it are skipped
CC                   the compiler

Exit codes: 0 all tests passed; 2 wrong usage; anything else: something failed, which ends the run there and then.
END
}

say() {
    printf '%s\n' "== $*"
}

# build DIR CMAKE_OPTION...: configures and builds into DIR; quiet, unless it fails.
build() {
    dir=$1
    shift
    log=$dir/build.log
    say "building $dir"
    mkdir -p "$dir"
    if ! cmake -S . -B "$dir" -DMOTE_BUILD_TESTS=ON -DMOTE_PROGRAMS_AT_ROOT=OFF "$@" >"$log" 2>&1; then
        cat "$log"
        say "$dir could not be configured: see above, or $log"
        exit 1
    fi
    if ! cmake --build "$dir" -j "$jobs" >"$log" 2>&1; then
        # Without the lines that only say what is being built.
        grep -v '^\[ *[0-9]*[%/]' "$log" || cat "$log"
        say "$dir could not be built: see above, or $log"
        exit 1
    fi
}

# run_tests DIR: in a subshell, so that ctest runs where its tests are and its output comes last.
run_tests() (
    say "testing $1"
    cd "$1"
    exec ctest --output-on-failure --no-tests=error -j "$jobs"
)

fetch_mnist() {
    ./datasets/get.sh mnist >/dev/null 2>&1 ||
        say "MNIST could not be had (./datasets/get.sh mnist says why): the tests that need it are skipped"
}

clang_is_another() {
    command -v clang >/dev/null 2>&1 || return 1
    # CC may hold options or a launcher, so it must be split. On some systems, cc is clang.
    # shellcheck disable=SC2086
    ! ${CC:-cc} --version 2>/dev/null | grep -q clang
}

quick=no
for argument in "$@"; do
    case $argument in
    --quick)
        quick=yes
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        echo "tests/run.sh: unknown argument \"$argument\"" >&2
        usage >&2
        exit 2
        ;;
    esac
done

# A path relative to the caller's directory must survive the cd below.
case ${MOTE_DATASET_MIRROR:-} in
'' | /* | *://*) ;;
*) export MOTE_DATASET_MIRROR="$PWD/$MOTE_DATASET_MIRROR" ;;
esac
cd -- "$(dirname -- "$0")/.."
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

. ./examples/packages.sh
need_packages build test
if [ ! -d "${MOTE_DATASET_MIRROR:-}" ]; then
    # Wanted, but not needed: without MNIST there is still much to test.
    need_packages download || :
fi
fetch_mnist

build build-test -DCMAKE_BUILD_TYPE=Release -DMOTE_WARNINGS_AS_ERRORS=ON
if [ "$quick" = yes ]; then
    run_tests build-test
    exit
fi

if clang_is_another; then
    build build-clang -DCMAKE_BUILD_TYPE=Release -DMOTE_WARNINGS_AS_ERRORS=ON -DCMAKE_C_COMPILER=clang
fi
run_tests build-test

# RelWithDebInfo gives the sanitizers' reports line numbers. Warnings are left to the builds above,
# because gcc gives false ones under sanitizers and its manual advises against -Werror there.
build build-sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMOTE_SANITIZE=ON
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
if [ "$(uname -s)" = Linux ]; then
    # Elsewhere the leak checker may be missing, and this option would end every test at its start.
    export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}"
fi
run_tests build-sanitize
