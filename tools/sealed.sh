#!/bin/sh
# Run a command for which, as root, all is read-only but a temporary directory: a mutant of what
# makes directories private may do that to every directory above its own. Without root it cannot.
set -eu
[ "$(id -u)" = 0 ] || exec "$@"
exec unshare --mount --propagation private sh -euc '
mount --options remount,bind,ro /
mount --types tmpfs --options mode=1777 tmpfs /mnt
export TMPDIR=/mnt
exec "$@"' sealed "$@"
