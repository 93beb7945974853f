#!/bin/sh
# Unpack the newest and the oldest Debian that mirrors have, for tests/binary/test_distributions.py:
#
#     make-roots.sh DIRECTORY SUITE...
#
# Packages are unpacked alone: none of their programs runs. Needs root, debootstrap and Debian's keys.
set -eu
directory=$1
shift
mkdir -p "$directory"
for suite; do
  test -e "$directory/$suite/etc/os-release" && continue
  rm -rf "${directory:?}/$suite" "$directory/.new"
  debootstrap --variant=minbase --foreign "$suite" "$directory/.new" \
    http://deb.debian.org/debian >"$directory/$suite.log" ||
    { tail -n 5 "$directory/$suite.log" >&2; exit 1; }
  mv "$directory/.new" "$directory/$suite"
done
