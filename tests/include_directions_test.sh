#!/bin/sh
# Checks that includes go one way: include_directions_test.sh REPO_ROOT
#
# Each room in src/ may include the rooms below it in the design and no others; only src/math may
# use BLAS; public headers may include only public and standard ones; and only src/cli may print or
# exit. Prints each line that breaks a rule. First checks itself on a made-up tree that keeps the
# rules and on lines that break each of them.
set -eu

if [ $# -ne 1 ] || [ ! -d "$1/src" ] || [ ! -d "$1/include/mote" ]; then
    echo "usage: tests/include_directions_test.sh REPO_ROOT" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Reads C files relative to the current directory and prints lines that break a rule, as
# file:line: why: text.
cat >"$work/rules.awk" <<'END'
BEGIN {
    below["core"] = "core"
    below["math"] = "core math"
    below["config"] = "core config"
    below["layers"] = "core math layers"
    below["outputs"] = "core math outputs"
    below["optim"] = "core math optim"
    below["model"] = "core math config layers outputs optim model"
    below["data"] = "core math config data"
    below["formats"] = "core math config model formats"
    below["train"] = below["model"] " data formats train"
    below["check"] = below["train"] " check"
    below["cli"] = below["train"] " cli"

    # Public headers that belong to one room; any room may include the others.
    owner["mote/layer.h"] = "layers"
    owner["mote/output.h"] = "outputs"
    owner["mote/optimizer.h"] = "optim"
    owner["mote/model.h"] = "model"
    owner["mote/augmentation.h"] = "data"
    owner["mote/dataset.h"] = "data"
    owner["mote/trainer.h"] = "train"
    owner["mote/plugin.h"] = "train"
    owner["mote/check.h"] = "check"

    # formats is built on neither layers nor outputs, but saves models, which needs these.
    also["formats"] = "mote/layer.h mote/output.h"

    standard = " assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp" \
               " signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib" \
               " stdnoreturn string tgmath threads time uchar wchar wctype "
}

function has(list, word) {
    return index(" " list " ", " " word " ") > 0
}

function complain(why) {
    print FILENAME ":" FNR ": " why ": " $0
}

# The line without comments and without the contents of quotes.
function code_of(line,    out, at) {
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (at == 0) {
                return out
            }
            line = substr(line, at + 2)
            in_comment = 0
        } else if (match(line, /^"([^"\\]|\\.)*"/) || match(line, /^'([^'\\]|\\.)*'/)) {
            out = out "\"\""
            line = substr(line, RLENGTH + 1)
        } else if (substr(line, 1, 2) == "/*") {
            in_comment = 1
            line = substr(line, 3)
        } else if (substr(line, 1, 2) == "//") {
            return out
        } else {
            out = out substr(line, 1, 1)
            line = substr(line, 2)
        }
    }
    return out
}

function check_quoted(header,    target) {
    if (split(header, part, "/") < 2) { # a room may have subdirectories
        complain("name the room of a header, as in \"core/file.h\"")
        return
    }
    target = part[1]
    if (target == "mote") {
        if (is_public || !(header in owner) || has(also[room], header)) {
            return
        }
        target = owner[header]
    } else if (is_public) {
        complain("a public header includes public headers only")
        return
    }
    if (!(target in below)) {
        complain("there is no room called " target)
    } else if (!has(below[room], target)) {
        complain(room " may not include " target)
    }
}

function check_angled(header) {
    if (header ~ /^cblas/ && room != "math") {
        complain("only math reaches BLAS")
    }
    if (is_public && !(header ~ /\.h$/ && has(standard, substr(header, 1, length(header) - 2)))) {
        complain("a public header includes standard headers only")
    }
}

FNR == 1 {
    in_comment = 0
    is_public = FILENAME ~ /^include\//
    split(FILENAME, place, "/")
    room = is_public ? "mote" : place[2]
    if (!is_public && !(room in below)) {
        complain("there is no room called " room)
    }
}

{
    was_comment = in_comment
    code = code_of($0)
}

!was_comment && /^[ \t]*#[ \t]*include/ {
    if (match($0, /"[^"]*"/)) {
        check_quoted(substr($0, RSTART + 1, RLENGTH - 2))
    } else if (match($0, /<[^>]*>/)) {
        check_angled(substr($0, RSTART + 1, RLENGTH - 2))
    } else {
        complain("this include cannot be checked")
    }
}

room != "cli" && (" " code) ~ /[^A-Za-z0-9_](v?printf|puts|putchar|perror)[ \t]*\(/ {
    complain("only cli prints")
}
room != "cli" && (" " code " ") ~ /[^A-Za-z0-9_](stdout|stderr|STDOUT_FILENO|STDERR_FILENO)[^A-Za-z0-9_]/ {
    complain("only cli prints")
}
room != "cli" && (" " code) ~ /[^A-Za-z0-9_](_?exit|_Exit|quick_exit|abort|raise)[ \t]*\(/ {
    complain("only cli exits")
}
END

# check ROOT: prints the lines under ROOT that break a rule.
check() (
    cd -- "$1"
    find include/mote src -type f -name '*.[ch]' | sort | xargs awk -f "$work/rules.awk"
)

# One rule per line: file|a line that breaks it|part of the expected complaint.
broken_rows() {
    cat <<'END'
src/core/a.c|#include "math/vector.h"|core may not include math
src/math/b.c|#include "config/json.h"|math may not include config
src/config/c.c|# include "math/vector.h"|config may not include math
src/layers/d.c|#include "outputs/x.h"|layers may not include outputs
src/outputs/e.c|#include "layers/x.h"|outputs may not include layers
src/optim/f.c|#include "model/model.h"|optim may not include model
src/layers/g.c|#include "mote/trainer.h"|layers may not include train
src/model/h.c|#include "data/format.h"|model may not include data
src/data/i.c|#include "model/model.h"|data may not include model
src/formats/j.c|#include "train/loop.h"|formats may not include train
src/train/k.c|#include "cli/common.h"|train may not include cli
src/core/v.c|#include "data/csv/table.h"|core may not include data
src/layers/l.c|#include "dense.h"|name the room
src/layers/m.c|#include <cblas.h>|only math reaches BLAS
src/attic/n.c|int x;|no room called attic
include/mote/o.h|#include "core/arena.h"|public headers only
include/mote/p.h|#include <sched.h>|standard headers only
src/core/q.c|    printf("x");|only cli prints
src/core/r.c|    x = 1; puts ("x");|only cli prints
src/core/s.c|    fprintf(stderr, "x");|only cli prints
src/core/t.c|    exit(1);|only cli exits
src/core/u.c|    abort();|only cli exits
END
}

# Lines that keep the rules although they look as if they broke them.
write_good_tree() {
    mkdir -p "$work/good/src/core" "$work/good/src/math" "$work/good/src/cli" \
        "$work/good/include/mote"
    cat >"$work/good/src/core/a.c" <<'END'
/* This never calls exit() or abort().
#include "math/vector.h"
 */
#include "core/file.h"
#include "core/part/file.h"
#include "mote/status.h"
    snprintf(text, 3, "printf(stdout)");
    fprintf(stream, "x"); /* not stderr */ fputs("abort()", stream);
END
    echo '#include <cblas.h>' >"$work/good/src/math/b.c"
    echo '    fprintf(stderr, "x"), exit(1);' >"$work/good/src/cli/c.c"
    echo '#include <stddef.h>' >"$work/good/include/mote/d.h"
}

failures=0

write_good_tree
said=$(check "$work/good")
if [ -n "$said" ]; then
    printf 'this check finds fault with lines that keep the rules:\n%s\n' "$said"
    failures=1
fi

mkdir -p "$work/bad/include/mote" "$work/bad/src"
while IFS='|' read -r file line expected; do
    mkdir -p "$work/bad/$(dirname "$file")"
    printf '%s\n' "$line" >"$work/bad/$file"
    said=$(check "$work/bad")
    rm "$work/bad/$file"
    case $said in
    "$file:1: "*"$expected"*) ;;
    *)
        printf 'this check does not see "%s" in %s; it says "%s"\n' "$line" "$file" "$said"
        failures=1
        ;;
    esac
done <<END
$(broken_rows)
END

said=$(check "$1")
if [ -n "$said" ]; then
    printf '%s\n' "$said"
    failures=1
fi
exit $failures
