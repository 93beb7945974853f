#!/bin/sh
# Make dist/docker-credential-ecrpy_VERSION_ARCHITECTURE.deb of the folder build.
#
# Needs dpkg-deb and objdump, and SOURCE_DATE_EPOCH, which every date in the package is.
set -eu
cd "$(dirname "$0")/.."
if ! command -v dpkg-deb >/dev/null; then
    echo "dpkg-deb is not there: a Debian package is made on Debian or Ubuntu" >&2
    exit 1
fi
name=docker-credential-ecrpy
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' docker_credential_ecrpy/__init__.py)
architecture=$(dpkg --print-architecture)
tree=build/deb
doc=$tree/usr/share/doc/$name

rm -rf "$tree"
mkdir -p "$tree/DEBIAN" "$doc"
chmod -R 755 "$tree"
sh tools/install.sh install "dist/$name" build/man "$tree" /usr 2>/dev/null
rm "$tree/usr/lib/$name/.made" # dpkg knows what to remove
gzip -9n "$tree"/usr/share/man/man1/*.1
cp binary/copyright "$doc/copyright"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
gzip -9nc >"$doc/changelog.Debian.gz" <<END
$name ($version-1) unstable; urgency=medium

  * Made from the sources by "make deb"; see changelog.gz.

 -- $name's developers <$name@localhost>  $(date -uRd "@$SOURCE_DATE_EPOCH")
END
chmod 644 "$doc"/*

# The newest glibc that any of the files asks for.
glibc=$(find "dist/$name" -type f -exec objdump -T {} + 2>/dev/null |
    sed -n 's/.*GLIBC_\([0-9][0-9.]*\)).*/\1/p' | sort -uV | tail -n 1)
cat >"$tree/DEBIAN/control" <<END
Package: $name
Version: $version-1
Architecture: $architecture
Maintainer: $name's developers <$name@localhost>
Installed-Size: $(du -sk --apparent-size "$tree/usr" | cut -f 1)
Depends: libc6 (>= $glibc)
Recommends: ca-certificates
Enhances: buildah, docker-cli, docker.io, podman, skopeo
Provides: amazon-ecr-credential-helper
Conflicts: amazon-ecr-credential-helper
Replaces: amazon-ecr-credential-helper
Section: admin
Priority: optional
Description: Docker credential helper for Amazon ECR
 Docker, podman, buildah and skopeo run this program when they need a password
 for a registry of Amazon ECR. It asks AWS for an authorization token, keeps it
 for as long as it lives, and hands it over: nobody runs docker login any more.
 .
 The program answers to docker-credential-ecr-login, as a drop-in for the
 program of that name in amazon-ecr-credential-helper, and to
 docker-credential-ecrpy. It holds all that it needs, Python included.
END
(cd "$tree" && find usr -type f | sort | xargs md5sum >DEBIAN/md5sums)
chmod 644 "$tree"/DEBIAN/*
find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group --build "$tree" "dist/${name}_${version}-1_$architecture.deb"
