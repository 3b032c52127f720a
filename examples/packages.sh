#!/bin/sh
# Sourced by examples/quickstart.sh and tests/run.sh, not run by itself:
#
#   . examples/packages.sh
#   need_packages build test
#
# makes sure that what the named sets need is installed; the sets are build, download and test. Prints nothing if
# nothing is missing. With apt, it prints what is missing and why, then installs it; otherwise it prints what to
# install. Returns 0 if everything is installed, 1 if not.

# One line per package:
#   set | Debian package | kind | how to find it without dpkg | dnf | pacman | brew | what it is for
# kind: tool, present if any of the commands is; library, present if its Debian package is installed or, without dpkg,
# if pkg-config knows the module or the compiler finds a header; data, checked on Debian only.
# In the columns of the other package managers, "-" means nothing to install, and "!" begins a hint.
# The C library's headers are not listed: zlib1g-dev depends on them.
package_table() {
    cat <<'END'
build|gcc|tool|cc gcc clang|gcc|gcc|!the compiler comes with: xcode-select --install|the C compiler
build|cmake|tool|cmake|cmake|cmake|cmake|configures the build
build|make|tool|make ninja|make|make|-|runs the build
build|pkg-config|tool|pkg-config pkgconf|pkgconf-pkg-config|pkgconf|pkgconf|tells the build where the libraries are
build|libopenblas-dev|library|openblas cblas.h|openblas-devel|openblas|openblas|OpenBLAS, multiplies matrices
build|libcjson-dev|library|libcjson cjson/cJSON.h|cjson-devel|cjson|cjson|cJSON, reads and writes configs
build|libstb-dev|library|stb stb/stb_image.h stb_image.h|stb_image-devel stb_image_resize-devel stb_image_write-devel|stb|!stb, headers only, is not in Homebrew: https://github.com/nothings/stb|stb, reads and writes images
build|zlib1g-dev|library|zlib zlib.h|zlib-devel|zlib|zlib|zlib, reads gzip-compressed files
download|curl|tool|curl wget|curl|curl|-|downloads data sets
download|ca-certificates|data||ca-certificates|ca-certificates|-|lets downloads check whom they come from
test|libcriterion-dev|library|criterion criterion/criterion.h|!Criterion is not in Fedora: https://github.com/Snaipe/Criterion|criterion|criterion|Criterion, runs the unit tests
END
}

# Prints the table's lines for the named sets.
package_rows() {
    for package_set in "$@"; do
        package_table | grep "^$package_set|" && continue
        echo "need_packages: no set of packages is called \"$package_set\"" >&2
        return 1
    done
}

have_any() {
    for package_command in "$@"; do
        command -v "$package_command" >/dev/null 2>&1 && return 0
    done
    return 1
}

have_apt() {
    have_any apt-get && have_any dpkg-query
}

debian_has() {
    dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# have_library MODULE HEADER...: for machines without dpkg. Any one of the headers will do.
have_library() {
    pkg-config --exists "$1" 2>/dev/null && return 0
    shift
    for package_header in "$@"; do
        echo "#include <$package_header>" | ${CC:-cc} -E - >/dev/null 2>&1 && return 0
    done
    return 1
}

# package_is_there DEBIAN_NAME KIND HOW
package_is_there() {
    # HOW is a list of words.
    # shellcheck disable=SC2086
    case $2 in
    tool) have_any $3 ;;
    library) if have_apt; then debian_has "$1"; else have_library $3; fi ;;
    data) ! have_apt || debian_has "$1" ;;
    esac
}

# Prints those of the table's lines on stdin whose package is missing.
missing_rows() {
    while IFS='|' read -r _ package_name package_kind package_how package_rest; do
        package_is_there "$package_name" "$package_kind" "$package_how" ||
            echo "_|$package_name|$package_kind|$package_how|$package_rest"
    done
}

# Prints the table's lines on stdin for people: package - what it is for.
describe_rows() {
    awk -F '|' '{ print "  " $2 " - " $8 }'
}

apt_install() {
    package_sudo=
    if [ "$(id -u)" -ne 0 ]; then
        if ! have_any sudo; then
            echo "Not root, and there is no sudo here. As root, run: apt-get update && apt-get install -y $*" >&2
            return 1
        fi
        package_sudo=sudo
    fi
    # stdout is apt and dpkg chatter; errors go to stderr. Package lists that could not be updated may still do.
    $package_sudo apt-get update -q >/dev/null ||
        echo "apt-get update failed; trying with the package lists that are there" >&2
    if ! $package_sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" >/dev/null; then
        echo "apt-get could not install: $*
See its message above; installed by hand, they will be found." >&2
        return 1
    fi
}

# other_manager COLUMN COMMAND ROWS: prints what to type for the package manager in that column of the table.
other_manager() {
    printf '%s\n' "$3" | awk -F '|' -v column="$1" -v command="$2" '
        $column ~ /^!/ { hints = hints "\n    " substr($column, 2); next }
        $column != "-" { packages = packages " " $column }
        END { print "  " command packages hints }'
}

# explain_elsewhere ROWS: without apt, lists all packages of the sets for the package managers found, or for every one.
explain_elsewhere() {
    echo "Install them; all that is needed, for your package manager:"
    package_found=
    if have_any dnf; then package_found=dnf; fi
    if have_any pacman; then package_found=$package_found,pacman; fi
    if have_any brew; then package_found=$package_found,brew; fi
    case ${package_found:-dnf} in *dnf*) other_manager 5 'sudo dnf install' "$1" ;; esac
    case ${package_found:-pacman} in *pacman*) other_manager 6 'sudo pacman -S --needed' "$1" ;; esac
    case ${package_found:-brew} in *brew*) other_manager 7 'brew install' "$1" ;; esac
}

need_packages() {
    # Homebrew keeps its OpenBLAS, and sometimes zlib, apart from the system's: neither pkg-config nor the build finds
    # them unless told where they are.
    if ! have_apt && have_any brew; then
        package_prefix=$(brew --prefix)
        for package_keg in openblas zlib; do
            PKG_CONFIG_PATH=$package_prefix/opt/$package_keg/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
        done
        export PKG_CONFIG_PATH
    fi

    package_needed=$(package_rows "$@") || return 1
    package_missing=$(printf '%s\n' "$package_needed" | missing_rows)
    if [ -n "$package_missing" ]; then
        if have_apt; then
            echo "Missing, to be installed with apt-get:" >&2
            printf '%s\n' "$package_missing" | describe_rows >&2
            # One name per line, none containing a space.
            # shellcheck disable=SC2046
            apt_install $(printf '%s\n' "$package_missing" | cut -d '|' -f 2) || return 1
        else
            echo "Missing (by its name on Debian):" >&2
            printf '%s\n' "$package_missing" | describe_rows >&2
            explain_elsewhere "$package_needed" >&2
            return 1
        fi
    fi

    # CMake defaults to make, even if only ninja is installed.
    if ! have_any make && have_any ninja; then
        export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"
    fi
}
