#!/bin/sh
# Build docker-credential-ecrpy_VERSION_ARCHITECTURE.deb from the standalone program: make-deb.sh DIRECTORY
#
# Reads the program and share from dist/, and the maintainer and homepage from pyproject.toml. Needs
# dpkg-deb, objdump, and SOURCE_DATE_EPOCH, which is used for every date in the package.
set -eu
umask 022
LC_ALL=C
export LC_ALL
cd "$(dirname -- "$0")/.."
for tool in dpkg-deb objdump; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is not installed; build the Debian package on Debian or Ubuntu, with binutils" >&2
        exit 1
    fi
done
: "${SOURCE_DATE_EPOCH:?is not set}"
name=docker-credential-ecrpy
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' docker_credential_ecrpy/__init__.py)
architecture=$(dpkg --print-architecture)
maintainer=$(sed -n 's/^authors = \[{ name = "\(.*\)", email = "\(.*\)" }\]$/\1 <\2>/p' pyproject.toml)
homepage=$(sed -n 's/^Homepage = "\(.*\)"$/\1/p' pyproject.toml)
if [ -z "$maintainer" ] || [ -z "$homepage" ]; then
    echo "pyproject.toml has no authors or no Homepage in the form that this script reads" >&2
    exit 1
fi
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$tree.deb"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$tree"
doc=$tree/usr/share/doc/$name

mkdir -p "$tree/DEBIAN" "$doc"
SOURCE=dist sh tools/install.sh install /usr "$tree" >/dev/null 2>"$tree/DEBIAN/messages" || {
    cat "$tree/DEBIAN/messages" >&2
    exit 1
}
rm "$tree/DEBIAN/messages"
# dpkg tracks the files itself: replace the links by the files. Debian requires compressed manual
# pages, and its zsh reads the completions of packages from vendor-completions.
rm "$tree/usr/lib/$name/.made"
for directory in "$tree/usr/lib/$name"/share/*; do
    rm -r "$tree/usr/share/${directory##*/}"
    mv "$directory" "$tree/usr/share/"
done
rmdir "$tree/usr/lib/$name/share"
gzip -9n "$tree"/usr/share/man/man*/*
mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
cp binary/copyright "$doc/copyright"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
gzip -9nc >"$doc/changelog.Debian.gz" <<END
$name ($version-1) unstable; urgency=medium

  * Built from the sources by "make deb"; see changelog.gz.

 -- $maintainer  $(date -uRd "@$SOURCE_DATE_EPOCH")
END
chmod 644 "$doc"/*

needs=
if [ -e dist/.static ]; then
    mkdir -p "$tree/usr/share/lintian/overrides"
    cat >"$tree/usr/share/lintian/overrides/$name" <<END
# The program is one file, for systems without these libraries too.
$name: embedded-library *
$name: statically-linked-binary *
# A name in the source of click, for commands that ask the user to edit a text.
$name: missing-depends-on-sensible-utils *
# The package is not intended for Debian's archive.
$name: initial-upload-closes-no-bugs *
END
else
    # The newest glibc version that any of the files needs.
    glibc=$(find "$tree/usr/lib/$name" -type f -exec objdump -T {} + 2>/dev/null |
        sed -n 's/.*GLIBC_\([0-9][0-9.]*\)).*/\1/p' | sort -uV | tail -n 1)
    if [ -z "$glibc" ]; then
        echo "objdump finds no glibc version in dist/$name" >&2
        exit 1
    fi
    needs="
Depends: libc6 (>= $glibc)"
fi
bytes=$(find "$tree/usr" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
cat >"$tree/DEBIAN/control" <<END
Package: $name
Version: $version-1
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $((bytes / 1024))$needs
Recommends: ca-certificates
Enhances: buildah, docker-cli, docker.io, podman, skopeo
Provides: amazon-ecr-credential-helper
Conflicts: amazon-ecr-credential-helper
Replaces: amazon-ecr-credential-helper
Section: admin
Priority: optional
Homepage: $homepage
Description: Docker credential helper for Amazon ECR
 Docker, podman, buildah and skopeo run this program when they need a password
 for an Amazon ECR registry. It requests an authorization token from AWS and
 caches it until it expires: docker login is no longer necessary.
 .
 The program is installed as docker-credential-ecr-login, a drop-in replacement
 for the program of that name in amazon-ecr-credential-helper, and as
 docker-credential-ecrpy. It contains all that it needs, Python included.
END
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 644 "$tree"/DEBIAN/*
find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
package=$1/${name}_${version}-1_$architecture.deb
dpkg-deb --root-owner-group --build "$tree" "$tree.deb" >/dev/null
rm -f "$1/${name}_"*.deb # of other versions, so that a glob finds exactly one
mv "$tree.deb" "$package"
chmod 644 "$package"
echo "$package" >&2
