#!/bin/sh
# Build docker-credential-ecrpy-VERSION-1.ARCHITECTURE.rpm from the static program: make-rpm.sh DIRECTORY
#
# It holds what `install.sh package` installs, as the Debian package does. Reads the program and share
# from dist/. Needs rpmbuild, which is installed where apt-get is, and SOURCE_DATE_EPOCH, which is
# used for every date in the package.
set -eu
umask 022
LC_ALL=C
export LC_ALL
cd "$(dirname -- "$0")/.."
if ! command -v rpmbuild >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "rpmbuild is not installed: install rpm-build" >&2
        exit 1
    fi
    sh tools/apt-install.sh rpm
fi
if [ ! -e dist/.static ]; then
    echo "the rpm holds the static program, which is not built: see docs/install.md" >&2
    exit 1
fi
: "${SOURCE_DATE_EPOCH:?is not set}"
. tools/project.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

tree=$work/tree
mkdir -p "$tree/usr/share/licenses/$name" "$tree/usr/share/doc/$name"
SOURCE=dist sh tools/install.sh package /usr "$tree" >"$work/messages" 2>&1 || {
    cat "$work/messages" >&2
    exit 1
}
gzip -9n "$tree"/usr/share/man/man*/*
cp LICENSE binary/copyright "$tree/usr/share/licenses/$name/"
cp CHANGELOG.md "$tree/usr/share/doc/$name/"
chmod 644 "$tree/usr/share/licenses/$name"/* "$tree/usr/share/doc/$name"/*
find "$tree" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
# The basic directories belong to the system. Others, such as those of the shells' completions, may not
# exist without this package: it owns them too, so that they are removed with their last owner.
{
    (cd "$tree" && find usr -mindepth 2 -type d | sort) |
        grep -Ev '^usr/share/(doc|licenses|man|man/man[1-9])$' | sed 's|^|%dir /|'
    (cd "$tree" && find usr ! -type d | sort) | sed -e 's|^|/|' \
        -e 's|^/usr/share/man/|%doc &|' -e 's|^/usr/share/doc/|%doc &|' -e 's|^/usr/share/licenses/|%license &|'
} >"$work/files"
cat >"$work/$name.spec" <<END
Name: $name
Version: $version
Release: 1
Summary: $summary
License: Apache-2.0
URL: $homepage
Packager: $maintainer
Group: Applications/System
Recommends: ca-certificates
Provides: amazon-ecr-credential-helper = $version
Conflicts: amazon-ecr-credential-helper
AutoReqProv: no

%description
$description

%install
cp -a "$tree/." "%{buildroot}/"

%files -f $work/files
%defattr(-,root,root,-)
END
# The program is complete as it is: nothing is stripped, compressed or rewritten after %install.
rpmbuild --quiet -bb --target "$(uname -m)-linux" \
    --define "_topdir $work/rpm" --define "_tmppath $work" --define "_rpmdir $work/built" \
    --define "_build_id_links none" --define "debug_package %{nil}" --define "__os_install_post %{nil}" \
    --define "_binary_payload w2.xzdio" --define "_buildhost localhost" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    "$work/$name.spec" >"$work/messages" 2>&1 || {
    cat "$work/messages" >&2
    exit 1
}
package=$name-$version-1.$(uname -m).rpm
rm -f "$1/$name-"*.rpm # of other versions, so that a glob finds exactly one
mv "$work/built/$(uname -m)/$package" "$1/$package"
echo "$1/$package" >&2
