#!/bin/sh
# Make a real Kubernetes API server for the tests of `make kube`: make-kube.sh DIRECTORY
#
# DIRECTORY gets kube-apiserver, built from Debian's source package, and Debian's etcd. They are of
# bookworm on every machine: later source packages of Kubernetes have only kubectl. Debian's Go
# compiles it. All of them are unpacked below DIRECTORY, and nothing is installed: it needs apt,
# dpkg-deb and Debian's keys, but neither root nor an entry in apt's own lists of sources.
set -eu
umask 077 # the tests run what is in there
suite=bookworm
mirror=http://deb.debian.org/debian
go=golang-1.19
keys=/usr/share/keyrings/debian-archive-keyring.gpg
directory=$1

say() { printf '%s\n' "$*" >&2; }

[ -n "$directory" ] || { say "make-kube.sh: name a directory"; exit 2; }
mkdir -p "$directory"
directory=$(cd "$directory" && pwd -P)
[ -O "$directory" ] || { say "$directory belongs to another user"; exit 1; }
chmod 700 "$directory"
# The digest of this file: another version of it makes them again.
stamp=$(sha256sum "$0" | cut -c 1-16)
[ "$(cat "$directory/stamp" 2>/dev/null)" = "$stamp" ] && exit 0
for needed in apt-get dpkg-deb "$keys"; do
    [ -e "$needed" ] || command -v "$needed" >/dev/null || { say "make kube needs $needed: Debian has it"; exit 1; }
done

work=$directory/work
rm -rf "$work" "$directory/stamp"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root" "$work/tmp"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# --- sources and compiler ----------------------------------------------------------------------

cd "$work"
printf '%s [signed-by=%s] %s %s main\n' deb "$keys" "$mirror" "$suite" deb-src "$keys" "$mirror" "$suite" >sources.list
apt_get() {
    apt-get --quiet --quiet -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}
say "fetching the sources of Kubernetes, $go and etcd"
apt_get update
apt_get download "$go-go" "$go-src" etcd-server golang-github-modern-go-reflect2-dev
apt_get --download-only source "kubernetes/$suite"
for package in *.deb; do dpkg-deb --extract "$package" root; done
# Debian's patches are of kubectl alone.
source=$work/go/src/k8s.io/kubernetes
mkdir -p "$source"
tar -xzf kubernetes_*.orig.tar.gz -C "$source" --strip-components 1
version=v$(echo kubernetes_*.orig.tar.gz | sed 's/.*really//; s/\.orig\.tar\.gz//')
rm -f ./*.deb ./*.tar.?z
# The one that it bundles reads the maps of an older Go: with this Go, it crashes.
reflect2=github.com/modern-go/reflect2
rm -rf "$source/vendor/$reflect2"
cp -R "root/usr/share/gocode/src/$reflect2" "$source/vendor/$reflect2"

# --- build -------------------------------------------------------------------------------------

export HOME="$work" TMPDIR="$work/tmp" GOROOT="$work/root/usr/lib/go-${go#golang-}" GOPATH="$work/go"
export GOCACHE="$work/build" GO111MODULE=off GOENV=off GOFLAGS='' CGO_ENABLED=0
PATH=$GOROOT/bin:$PATH
cd "$source"
say "building kube-apiserver $version: some minutes"
go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
# The one generated file that the source lacks: the models of all types that are marked for it.
types=$(grep -rl --include='*.go' '+k8s:openapi-gen=' staging/src pkg | grep -Ev 'code-generator|sample-|/testdata/' |
    sed 's,/[^/]*$,,; s,^staging/src/,k8s.io/kubernetes/vendor/,; s,^pkg/,k8s.io/kubernetes/pkg/,' | sort -u | paste -s -d , -)
"$work/openapi-gen" --input-dirs "$types" --output-package k8s.io/kubernetes/pkg/generated/openapi \
    --output-file-base zz_generated.openapi --go-header-file hack/boilerplate/boilerplate.generatego.txt \
    --report-filename "$work/violations" --output-base "$work/go/src"
about=k8s.io/kubernetes/vendor/k8s.io/component-base/version
minor=${version#v1.}
go build -trimpath -o "$work/kube-apiserver" -ldflags "-s -w -X $about.gitVersion=$version \
  -X $about.gitMajor=1 -X $about.gitMinor=${minor%%.*}" ./cmd/kube-apiserver
mv "$work/kube-apiserver" "$work/root/usr/bin/etcd" "$directory"
printf '%s\n' "$stamp" >"$directory/stamp"
