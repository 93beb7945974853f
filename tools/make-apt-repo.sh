#!/bin/sh
# Add Debian packages to an apt repository, and sign it: make-apt-repo.sh DIRECTORY KEY PACKAGE...
#
# KEY is the fingerprint or address of a secret key of gpg, whose home is GNUPGHOME. Packages of earlier
# versions and of other architectures stay. DIRECTORY gets:
#
#     pool/main/d/NAME/*.deb
#     dists/stable/InRelease, Release, Release.gpg
#     dists/stable/main/binary-ARCHITECTURE/Packages, Packages.gz, Packages.xz, by-hash/
#     NAME.asc, NAME.sources   the public key, and what a machine needs beside it; set its URIs
#
# The index is replaced as a whole, and only if it has changed. by-hash keeps earlier indexes, for a
# machine that has read an earlier InRelease. Needs apt-ftparchive and gpg, which are installed where
# apt-get is.
set -eu
umask 022
LC_ALL=C
export LC_ALL
if [ $# -lt 3 ] || [ -z "$2" ]; then
    echo "usage: make-apt-repo.sh DIRECTORY KEY PACKAGE...; KEY is a secret key of gpg" >&2
    exit 1
fi
missing=
command -v apt-ftparchive >/dev/null || missing=apt-utils
command -v gpg >/dev/null || missing="$missing gnupg"
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "an apt repository is made on Debian or Ubuntu, with apt-ftparchive, dpkg-deb and gpg" >&2
        exit 1
    fi
    # shellcheck disable=SC2086 # several words
    sh "$(dirname -- "$0")/apt-install.sh" $missing
fi
repository=$1
key=$2
shift 2
name=docker-credential-ecrpy
suite=stable
pool=pool/main/d/$name

mkdir -p "$repository/$pool"
for package; do
    # apt-ftparchive leaves out a file whose name does not end in its architecture.
    # shellcheck disable=SC2016 # dpkg-deb's fields
    base=$(dpkg-deb --show --showformat '${Package}_${Version}_${Architecture}.deb' "$package")
    file=$repository/$pool/$base
    # apt refuses a file that differs from the index, and caches keep the first.
    if [ -e "$file" ] && ! cmp -s "$package" "$file"; then
        echo "$file is another build of the same version; give the new one a new version" >&2
        exit 1
    fi
    [ -e "$file" ] || install -m 644 "$package" "$file"
done

cd "$repository"
old=dists/$suite
new=dists/.new
replaced=dists/.replaced
rm -rf "$new" "$replaced"
trap 'rm -rf "$new" "$replaced"' EXIT
trap 'exit 130' INT TERM
architectures=$(for file in "$pool"/*.deb; do basename "${file##*_}" .deb; done | sort -u)
for architecture in $architectures; do
    index=$new/main/binary-$architecture
    mkdir -p "$index"
    earlier=$old/main/binary-$architecture/by-hash
    [ ! -e "$earlier" ] || cp -Rp "$earlier" "$index/"
    apt-ftparchive --arch "$architecture" packages "$pool" >"$index/Packages"
    gzip -9nk "$index/Packages"
    xz -k "$index/Packages"
done
# Without a date, to compare: a new date alone is no change.
describe() {
    (cd "$new" && apt-ftparchive -o APT::FTPArchive::DoByHash=true \
        -o "APT::FTPArchive::Release::Origin=$name" \
        -o "APT::FTPArchive::Release::Label=$name" -o "APT::FTPArchive::Release::Suite=$suite" \
        -o "APT::FTPArchive::Release::Codename=$suite" -o "APT::FTPArchive::Release::Components=main" \
        -o "APT::FTPArchive::Release::Architectures=$(echo "$architectures" | xargs)" \
        -o "APT::FTPArchive::MD5=false" -o "APT::FTPArchive::SHA1=false" release .)
}
describe >"$new.Release"
mv "$new.Release" "$new/Release"
gpg --batch --yes --armor --export "$key" >"$new/key.asc"
if [ ! -s "$new/key.asc" ]; then
    echo "gpg has no key $key" >&2
    exit 1
fi
if [ -e "$old/InRelease" ] && cmp -s "$new/key.asc" "$name.asc" &&
    [ "$(grep -v '^Date: ' "$new/Release")" = "$(grep -v '^Date: ' "$old/Release")" ]; then
    echo "$repository: nothing has changed" >&2
    exit
fi
gpg --batch --yes --local-user "$key" --clearsign --output "$new/InRelease" "$new/Release"
gpg --batch --yes --local-user "$key" --armor --detach-sign --output "$new/Release.gpg" "$new/Release"
mv "$new/key.asc" "$name.asc"
[ -e "$name.sources" ] || cat >"$name.sources" <<END
Types: deb
URIs: https://packages.example.com
Suites: $suite
Components: main
Signed-By: /etc/apt/keyrings/$name.asc
END
[ ! -e "$old" ] || mv "$old" "$replaced"
mv "$new" "$old"
find "$PWD/dists" -type f >&2
