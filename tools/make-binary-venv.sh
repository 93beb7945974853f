#!/bin/sh
# Make the virtual environment that builds the binary: make-binary-venv.sh PYTHON DIRECTORY
#
# It has the program's dependencies and PyInstaller, with the versions and hashes of
# binary/requirements.txt. On Linux PyInstaller's bootloader is built here, with binary/bootloader.c
# linked in; other systems use the one that comes with PyInstaller.
set -eu
python=$1
venv=$2
here=$(dirname "$0")

say() { printf '%s\n' "$*" >&2; }

missing_packages() {
    command -v cc >/dev/null || echo gcc libc6-dev
    command -v objcopy >/dev/null || echo binutils
    # PyInstaller freezes the shared libpython, which is a separate package in Debian.
    "$python" - <<'END'
import os, sys, sysconfig
library = sysconfig.get_config_var("INSTSONAME") or ""
places = [sysconfig.get_config_var("LIBDIR"), f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}"]
if not any(place and library and os.path.exists(os.path.join(place, library)) for place in places):
    if sys.base_prefix != "/usr":
        sys.exit(f"{sys.executable} has no shared library: use a Python built with --enable-shared")
    print("libpython%d.%d" % sys.version_info[:2])
END
}

sh "$here/make-venv.sh" "$python" "$venv"
if [ "$(uname)" = Linux ]; then
    packages=$(missing_packages)
    if [ -n "$packages" ]; then
        if ! command -v apt-get >/dev/null; then
            say "the binary needs a C compiler, binutils and a shared libpython: install them"
            exit 1
        fi
        as_root=
        [ "$(id -u)" = 0 ] || as_root=sudo
        say "installing" $packages
        $as_root apt-get update --quiet --quiet
        # shellcheck disable=SC2086 # several words
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install --quiet --quiet --yes --no-install-recommends $packages >&2
    fi
fi
objects=$(TMPDIR=/tmp mktemp -d) # waf takes no path with blanks
trap 'rm -rf "$venv" "$objects"' EXIT # until it is complete
trap 'exit 130' INT TERM
pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
pip install --require-hashes --only-binary :all: --requirement "$here/../binary/requirements.txt"
if [ "$(uname)" = Linux ]; then
    say "building PyInstaller's bootloader"
    cc -O2 -Wall -Wextra -c "$here/../binary/bootloader.c" -o "$objects/bootloader.o"
    sed -n '/^pyinstaller==/,/[^\\]$/p' "$here/../binary/requirements.txt" >"$objects/pyinstaller.txt"
    wrap=--wrap=main,--wrap=execvp,--wrap=fork,--wrap=waitpid,--wrap=pyi_utils_set_library_search_path
    wrap=$wrap,--wrap=pyi_error_message,--wrap=pyi_perror_message,--wrap=pyi_warning_message
    wrap=$wrap,--wrap=mkdtemp,--wrap=pyi_recursive_rmdir
    # https://pyinstaller.org/en/stable/bootloader-building.html; zlib is built in, not the system's.
    export PYINSTALLER_COMPILE_BOOTLOADER=1 PYI_STATIC_ZLIB=1
    export LDFLAGS="-Wl,$wrap -Wl,--build-id=none $objects/bootloader.o -lrt" # -lrt: before glibc 2.34
    pip install --require-hashes --no-cache-dir --no-deps --no-build-isolation \
        --no-binary pyinstaller --force-reinstall --requirement "$objects/pyinstaller.txt"
fi
rm -rf "$objects"
trap - EXIT
