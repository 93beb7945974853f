#!/bin/sh
# Collect the files of a release, with their checksums: make-dist.sh DIRECTORY
#
# They are the program as a tarball, the one file, their bill of materials, both wheels, and on Debian
# the package and, with rpmbuild, the rpm, all from dist/. Needs GNU tar, and SOURCE_DATE_EPOCH for
# every date in the tarball.
set -eu
umask 022
LC_ALL=C
export LC_ALL
cd "$(dirname -- "$0")/.."
: "${SOURCE_DATE_EPOCH:?must be set}"
release=$1
. tools/project.sh
platform=$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
folder=$name-$version-$platform
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
trap 'exit 130' INT TERM

new=$tree/release
mkdir "$new" "$tree/$folder"
if [ -e dist/.static ]; then
    cp dist/.static dist/docker-credential-ecr-login "$tree/$folder/"
else
    cp -R "dist/$name" "$tree/$folder/"
fi
cp -R dist/share README.md CHANGELOG.md LICENSE binary/copyright tools/install.sh \
    "$tree/$folder/"
chmod -R u=rwX,go=rX "$tree/$folder"
tar --create --file "$tree/folder.tar" --directory "$tree" --sort=name \
    --mtime "@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$folder"
gzip -9nc "$tree/folder.tar" >"$new/$folder.tar.gz"
cp dist/docker-credential-ecr-login "$new/docker-credential-ecr-login-$version-$platform"
cp "dist/$name.cdx.json" "$new/$folder.cdx.json"
cp "dist/docker_credential_ecrpy-$version-py3-none-any.whl" "$new/"
if [ -e dist/.static ]; then
    cp "dist/docker_credential_ecrpy-$version-py3-none-"manylinux*.whl "$new/"
fi
if command -v dpkg >/dev/null; then
    cp "dist/${name}_$version-1_$(dpkg --print-architecture).deb" "$new/"
fi
if command -v rpmbuild >/dev/null && [ -e dist/.static ]; then
    cp "dist/$name-$version-1.$(uname -m).rpm" "$new/"
fi
(cd "$new" && sha256sum -- * >SHA256SUMS)
rm -rf "$release"
mv "$new" "$release"
printf '%s\n' "$release/"* >&2
