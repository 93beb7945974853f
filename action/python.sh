#!/usr/bin/env bash
# Run a step of the action with a Python of the job: python.sh set-up|check
#
# Nothing is installed for it, so that the job's own Python stays as it is. On Windows, python3 may be
# a stub that only opens the Store, and py finds an installed Python that is not on PATH.
set -euo pipefail

for python in python3 python py python3.14 python3.13 python3.12 python3.11 python3.10; do
  if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
    exec "$python" -X utf8 -B "$GITHUB_ACTION_PATH/action" "$1"
  fi
done
echo "::error title=docker-credential-ecrpy::no Python 3.10 or later is on PATH; add a step with" \
  "actions/setup-python before this one, or install Python in the container's image"
exit 1
