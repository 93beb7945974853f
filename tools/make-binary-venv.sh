#!/bin/sh
# Make the virtual environment that builds the standalone programs:
# make-binary-venv.sh PYTHON DIRECTORY
#
# It has the program's dependencies and PyInstaller, with the versions and hashes of
# binary/requirements.txt. For "python3" on Debian and Ubuntu, that is the system's own, of which the
# static program is built; its packages are installed here.
set -eu
python=$1
venv=$2
here=$(dirname "$0")

say() { printf '%s\n' "$*" >&2; }

apt_install() { sh "$here/apt-install.sh" "$@"; }

# Print the shared library's package, which PyInstaller freezes, or else what is missing.
find_library() {
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

if [ "$(uname)" = Linux ]; then
    if command -v apt-get >/dev/null; then
        if [ "$python" = python3 ]; then
            [ -x /usr/bin/python3 ] || apt_install python3
            python=/usr/bin/python3
        fi
        # What binary/static.py needs, which names what is missing nevertheless.
        packages=$("$python" -B "$here/../binary/static.py" --list-packages)
        # shellcheck disable=SC2086 # several words
        [ -z "$packages" ] || apt_install $packages || say "not installed: $packages"
    fi
    packages=$(find_library)
    command -v objcopy >/dev/null || packages="$packages binutils"
    if [ -n "${packages# }" ]; then
        if ! command -v apt-get >/dev/null; then
            say "the standalone programs need binutils and a shared libpython: install them"
            exit 1
        fi
        # shellcheck disable=SC2086 # several words
        apt_install $packages
    fi
fi
sh "$here/make-venv.sh" "$python" "$venv"
trap 'rm -rf "$venv"' EXIT # until it is complete
trap 'exit 130' INT TERM
"$venv/bin/python" -m pip --quiet --disable-pip-version-check install \
    --require-hashes --only-binary :all: --requirement "$here/../binary/requirements.txt"
trap - EXIT
