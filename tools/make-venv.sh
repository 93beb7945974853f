#!/bin/sh
# Make a virtual environment with a current pip: make-venv.sh PYTHON DIRECTORY
#
# On Debian the venv module is a separate package, which a fresh machine does not have.
set -eu
python=$1
venv=$2

say() { printf '%s\n' "$*" >&2; }

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
    say "$python is missing or older than 3.10; name another one: make PYTHON=python3.12 ..."
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    if ! command -v apt-get >/dev/null; then
        say "$python has no venv module: install it with your system's packages"
        exit 1
    fi
    say "$python has no venv module: installing $package"
    $as_root apt-get update --quiet --quiet
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --quiet --quiet --yes --no-install-recommends "$package" ca-certificates >&2
fi
say "setting up $venv"
trap 'rm -rf "$venv"' EXIT # until it is complete
"$python" -m venv --clear "$venv"
# 24.3 and later write console scripts that import only sys; 25.1 supports dependency groups.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
trap - EXIT
