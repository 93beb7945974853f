#!/bin/sh
# Collect the files of the container image: make-image-root.sh PYTHON DIRECTORY
#
# They are the static program of dist/ under both names, its licences, and as /etc/ssl/certs the list of
# certificates of the botocore that PYTHON has, rather than that of this machine, to which others may
# have been added. Needs SOURCE_DATE_EPOCH, which is the date of every file.
set -eu
umask 022
cd "$(dirname -- "$0")/.."
: "${SOURCE_DATE_EPOCH:?is not set}"
root=$2
. tools/project.sh
program=docker-credential-ecr-login
if [ ! -e dist/.static ]; then
    echo "the image holds the static program, which is not built: see docs/install.md" >&2
    exit 1
fi
bundle=$("$1" -B -c 'import os, botocore; print(os.path.join(os.path.dirname(botocore.__file__), "cacert.pem"))')
rm -rf "$root"
mkdir -p "$root/usr/local/bin" "$root/usr/share/doc/$name" "$root/etc/ssl/certs"
cp "dist/$program" "$root/usr/local/bin/"
ln -s "$program" "$root/usr/local/bin/$name"
cp LICENSE binary/copyright "$root/usr/share/doc/$name/"
cp "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
chmod -R u=rwX,go=rX "$root"
find "$root" -mindepth 1 -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
