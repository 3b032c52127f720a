#!/bin/sh
# Fetches a data set into the directory named after it beside this script; see usage() below.
#
# Every file is written under a temporary name, checked, and only then renamed, so the files under
# datasets/NAME/ are always complete. The sums to check against are beside this script:
#   NAME.sha256  sha256 of the decompressed file, valid however the file was compressed
#   NAME.md5     md5 of the .gz file as published by its authors, if they publish nothing better
# Of an archive, only the files needed are kept, with their own sums beside them in .unpacked.md5,
# written last.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
known='mnist, fashion-mnist, kmnist, cifar10, cifar100'

usage() {
    cat <<END
usage: datasets/get.sh NAME

Fetches the data set NAME into datasets/NAME/: four gzip-compressed IDX files, or what an archive holds, checked
against known sums. Files that are there and right are left alone.

  mnist          handwritten digits, 60,000 + 10,000 images of 28 x 28 (12 MB)
  fashion-mnist  articles of clothing, the same layout (31 MB)
  kmnist         handwritten Japanese characters, the same layout (21 MB)
  cifar10        colour photographs of 32 x 32, 50,000 + 10,000 in 10 classes (170 MB, unpacked 184 MB)
  cifar100       the same in 100 classes (169 MB, unpacked 184 MB)

MOTE_DATASET_MIRROR  a directory or a base URL to fetch NAME/FILE from, instead of the public mirrors

Exit codes: 0 complete; 1 failed; 2 wrong usage.
END
}

# Sets $files, the files to fetch for $name; for an archive also $inside, the directory within it,
# and $members, the files needed from that.
choose_files() {
    members=
    case $name in
    cifar10)
        files=cifar-10-binary.tar.gz
        inside=cifar-10-batches-bin
        members='data_batch_1.bin data_batch_2.bin data_batch_3.bin data_batch_4.bin data_batch_5.bin test_batch.bin'
        members="$members batches.meta.txt"
        ;;
    cifar100)
        files=cifar-100-binary.tar.gz
        inside=cifar-100-binary
        members='train.bin test.bin fine_label_names.txt coarse_label_names.txt'
        ;;
    *)
        files='train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz'
        files="$files t10k-labels-idx1-ubyte.gz"
        ;;
    esac
}

mirrors_of() {
    case $1 in
    mnist)
        echo https://storage.googleapis.com/cvdf-datasets/mnist
        echo https://ossci-datasets.s3.amazonaws.com/mnist
        ;;
    fashion-mnist)
        echo http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
        echo https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion
        ;;
    kmnist)
        echo http://codh.rois.ac.jp/kmnist/dataset/kmnist
        ;;
    cifar10 | cifar100)
        echo https://www.cs.toronto.edu/~kriz
        ;;
    esac
}

say() {
    printf '%s\n' "$*" >&2
}

have() {
    command -v "$1" >/dev/null 2>&1
}

size() {
    if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi
}

# ---- checking --------------------------------------------------------------------------------------------------------

sha256_of_stdin() {
    if have sha256sum; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

md5_of_stdin() {
    if have md5sum; then md5sum; else md5; fi | cut -d ' ' -f 1
}

# Sets how this data set is checked, $sums and $sum_of (for messages); exits if a tool for that is
# missing.
choose_sums() {
    if [ -f "$here/$name.sha256" ]; then
        sums=$here/$name.sha256
        sum_of='sha256 of the decompressed file'
        have sha256sum || have shasum || need 'sha256sum or shasum' 'check the files'
    else
        sums=$here/$name.md5
        sum_of='md5 of the .gz file'
        have md5sum || have md5 || need 'md5sum or md5' 'check the files'
    fi
    have gzip || need gzip 'check the files'
}

# need TOOL PURPOSE: exits because a tool is missing.
need() {
    say "datasets/get.sh: needs $1 to $2, and there is none here; install it and run this again"
    exit 1
}

# check FILE PATH: whether PATH holds the FILE that it should. If not, $problem says what is wrong.
check() {
    # First, because a pipe would hide that gzip failed, and a file truncated within its last 8
    # bytes still yields all its data.
    if ! problem=$(gzip -t <"$2" 2>&1); then
        problem="not a whole gzip file: ${problem##*: } (it has $(size "$2") bytes)"
        return 1
    fi
    case $sums in
    *.sha256)
        entry=${1%.gz}
        found=$(gzip -dc <"$2" | sha256_of_stdin)
        ;;
    *)
        entry=$1
        found=$(md5_of_stdin <"$2")
        ;;
    esac
    expected=$(awk -v entry="$entry" '$2 == entry { print $1 }' "$sums")
    [ "$found" = "$expected" ] && return 0
    problem="wrong contents ($sum_of)
  expected ${expected:-a sum for $entry in $sums, which has none}
  found    $found"
    return 1
}

# check_place FILE: whether FILE, or everything needed from it, is in place and correct. If not,
# $problem says what is wrong, or is empty if nothing is there.
check_place() {
    problem=
    if [ -z "$members" ]; then
        [ -f "$dest/$1" ] && check "$1" "$dest/$1"
        return
    fi
    [ -f "$dest/.unpacked.md5" ] || return 1
    for member in $members; do
        expected=$(awk -v entry="$member" '$2 == entry { print $1 }' "$dest/.unpacked.md5")
        if [ ! -f "$dest/$member" ] || [ "$(md5_of_stdin <"$dest/$member")" != "$expected" ]; then
            problem="$member is missing or damaged"
            return 1
        fi
    done
}

# ---- fetching --------------------------------------------------------------------------------------------------------

# transfer SOURCE PART: copies SOURCE, a path or a URL, to PART. On failure, $problem says why.
transfer() {
    case $1 in
    file://*)
        path=${1#file://}
        path=${path#localhost}
        copy "$(printf '%s\n' "$path" | sed 's/%20/ /g')" "$2"
        ;;
    *://*)
        if have curl; then
            download_with_curl "$1" "$2"
        elif have wget; then
            download_with_wget "$1" "$2"
        else
            need 'curl or wget' 'download'
        fi
        ;;
    *)
        copy "$1" "$2"
        ;;
    esac
}

# cat, not cp, so that a read-only original does not make a read-only copy.
copy() {
    if [ ! -f "$1" ]; then
        problem='there is no such file'
        return 1
    fi
    problem='it could not be copied'
    cat <"$1" >"$2"
}

# Resuming after a broken connection takes a loop here: curl's --retry discards what it has already
# received.
download_with_curl() {
    progress='--silent --show-error'
    [ ! -t 2 ] || progress=--progress-bar
    attempt=1
    while :; do
        before=$(size "$2")
        status=0
        # $progress is one or two options, which must be split.
        # shellcheck disable=SC2086
        http=$(curl $progress --fail --location --connect-timeout 15 --speed-limit 1000 --speed-time 30 \
            --continue-at - --write-out '%{http_code}' --output "$2" "$1") || status=$?
        [ "$status" -ne 0 ] || return 0
        problem="curl ended with exit code $status and HTTP status $http, attempt $attempt"
        [ "$http" != 000 ] || problem="curl ended with exit code $status, no answer, attempt $attempt"
        [ "$attempt" -lt 5 ] || return 1
        case $status:$http in
        22:408 | 22:429 | 22:5??) ;;                          # the server is busy
        33:* | 22:416) rm -f -- "$2" ;;                       # it cannot resume: start over
        28:*) [ "$(size "$2")" -gt "$before" ] || return 1 ;; # timed out: retry if anything came
        18:* | 35:* | 52:* | 55:* | 56:* | 92:*) ;;           # the connection broke
        *) return 1 ;;
        esac
        say "  trying again"
        sleep "$attempt"
        attempt=$((attempt + 1))
    done
}

download_with_wget() {
    problem='wget could not fetch it'
    wget -nv -c -t 3 -T 30 -O "$2" "$1"
}

# unpack PART: puts the members of an archive in place and removes the archive. On failure, $problem
# says why.
unpack() {
    part=$1
    unpacked=$dest/.unpacked.part.$$
    mkdir -- "$unpacked"
    set --
    for member in $members; do
        set -- "$@" "$inside/$member"
    done
    if ! problem=$(tar -xzf "$part" -C "$unpacked" "$@" 2>&1); then
        problem="it could not be unpacked: $(printf '%s\n' "$problem" | sed 1q)"
        rm -rf -- "$unpacked"
        return 1
    fi
    rm -f -- "$dest/.unpacked.md5" "$part"
    for member in $members; do
        echo "$(md5_of_stdin <"$unpacked/$inside/$member")  $member" >>"$unpacked/sums"
        mv -f -- "$unpacked/$inside/$member" "$dest/$member"
    done
    mv -f -- "$unpacked/sums" "$dest/.unpacked.md5"
    rm -rf -- "$unpacked"
}

# place FILE PART: puts PART, already checked, in place.
place() {
    if [ -n "$members" ]; then unpack "$2"; else mv -f -- "$2" "$dest/$1"; fi
}

# get FILE SOURCE: fetches SOURCE/FILE, checks it and puts it in place.
get() {
    part=$dest/.$1.part.$$
    say "datasets/$name: fetching $1 from $2"
    if ! transfer "$2/$1" "$part" || ! check "$1" "$part" || ! place "$1" "$part"; then
        say "datasets/$name/$1: from $2/$1: $problem"
        rm -f -- "$part"
        return 1
    fi
}

# get_all SOURCE: fetches all still $wanted, up to the first file that SOURCE cannot provide intact.
get_all() {
    for file in $wanted; do
        get "$file" "$1" || return 1
        wanted=${wanted#"$file"}
        wanted=${wanted# }
    done
}

clean_up() {
    rm -rf -- "$dest"/.*.part.$$
    [ -z "$created" ] || rmdir -- "$dest" 2>/dev/null || :
}

# ---- the program -----------------------------------------------------------------------------------------------------

case $#:${1-} in
1:-h | 1:--help)
    usage
    exit 0
    ;;
1:-* | 0:* | [2-9]*:* | 1?*:*)
    usage >&2
    exit 2
    ;;
esac

name=$1
case $name in
mnist | fashion-mnist | kmnist | cifar10 | cifar100) ;;
*)
    say "datasets/get.sh: no data set is called \"$name\"; known are: $known"
    exit 2
    ;;
esac

dest=$here/$name
created=
choose_files
choose_sums
[ -z "$members" ] || have tar || need tar 'unpack the files'

wanted=
for file in $files; do
    ! check_place "$file" || continue
    [ -z "$problem" ] || say "datasets/$name/$file: $problem
  fetching it again"
    wanted="$wanted${wanted:+ }$file"
done

if [ -n "$wanted" ]; then
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
    if [ ! -d "$dest" ]; then
        mkdir -p -- "$dest"
        created=yes
    fi
    if [ -n "${MOTE_DATASET_MIRROR:-}" ]; then
        set -- "${MOTE_DATASET_MIRROR%/}/$name"
    else
        # One URL per line, none with a space.
        # shellcheck disable=SC2046
        set -- $(mirrors_of "$name")
    fi
    for source in "$@"; do
        ! get_all "$source" || break
    done
fi

if [ -n "$wanted" ]; then
    advice="What to do: set MOTE_DATASET_MIRROR to a directory or a URL that holds $name/$files; then run $0 $name again."
    [ -n "$members" ] ||
        advice="What to do: set MOTE_DATASET_MIRROR to a directory or a URL that holds $name/${files%% *} and the others,
or put the files into $dest by hand; then run $0 $name again."
    say "datasets/$name: not complete, still needed: $wanted
$advice"
    exit 1
fi
echo "datasets/$name: complete"
