#!/bin/sh
# Gather in dist/release/ what a release has, with its checksums: the folder as a tarball, the one
# file, the Debian package and the wheel. Needs SOURCE_DATE_EPOCH, which every date in it is.
set -eu
cd "$(dirname "$0")/.."
name=docker-credential-ecrpy
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' docker_credential_ecrpy/__init__.py)
platform=$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
release=dist/release
folder=$name-$version-$platform

rm -rf "$release" build/dist
mkdir -p "$release" "build/dist/$folder/man"
cp -R "dist/$name/." "build/dist/$folder/"
cp README.md CHANGELOG.md LICENSE binary/copyright "build/dist/$folder/"
cp build/man/*.1 "build/dist/$folder/man/"
chmod -R u=rwX,go=rX build/dist
tar --create --directory build/dist --sort=name --mtime "@$SOURCE_DATE_EPOCH" \
    --owner=0 --group=0 --numeric-owner "$folder" | gzip -9n >"$release/$folder.tar.gz"
cp dist/docker-credential-ecr-login "$release/docker-credential-ecr-login-$version-$platform"
cp "dist/${name}_$version"*.deb "dist/$(echo $name | tr - _)-$version"*.whl "$release/"
(cd "$release" && sha256sum -- * >SHA256SUMS)
printf '%s\n' "$release/"* >&2
