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
. tools/project.sh
architecture=$(dpkg --print-architecture)
tree=$(mktemp -d)
trap 'rm -rf "$tree" "$tree.deb"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$tree"
doc=$tree/usr/share/doc/$name

mkdir -p "$tree/DEBIAN" "$doc"
SOURCE=dist sh tools/install.sh package /usr "$tree" >"$tree/DEBIAN/messages" 2>&1 || {
    cat "$tree/DEBIAN/messages" >&2
    exit 1
}
rm "$tree/DEBIAN/messages"
# Debian requires compressed manual pages, and its zsh reads the completions of packages from
# vendor-completions.
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
Description: $summary
$(printf '%s\n' "$description" | sed 's/^$/./; s/^/ /')
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
