#!/bin/sh
# Install packages of Debian or Ubuntu, with sudo if need be: apt-install.sh PACKAGE...
set -eu
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "installing $*" >&2
$as_root apt-get update --quiet --quiet || true # a list of somebody else's may be missing
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --quiet --quiet --yes --no-install-recommends "$@" >&2
