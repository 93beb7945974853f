#!/bin/sh
# Run a command; as root, with everything read-only except a temporary directory: a mutant of the
# code that makes directories private may change every parent directory. Without root it cannot.
set -eu
[ "$(id -u)" = 0 ] || exec "$@"
exec unshare --mount --propagation private sh -euc '
mount --options remount,bind,ro /
mount --types tmpfs --options mode=1777 tmpfs /mnt
export TMPDIR=/mnt
exec "$@"' sealed "$@"
