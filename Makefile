# make demo     the helper at work against a loopback AWS, shown step by step
# make test     the tests
# make e2e      the tests with Docker's engine, podman, buildah and skopeo (root, Linux)
# make lint     formatting, lint and types
# make bench    how long a get takes, side by side with the bare interpreter and with boto3
# make reformat, make package, make clean
#
# Each sets up what it needs, in .venv. TESTS chooses tests: make test TESTS=tests/test_cache.py

PYTHON ?= python3
VENV ?= .venv
TESTS ?= tests
E2E ?= tests/e2e
BIN = $(VENV)/bin

# How often bench runs each program.
RUNS ?= 41

.PHONY: demo test e2e lint bench reformat package clean

demo: $(VENV)/.ready-demo
	@$(BIN)/python -m tests.demo

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest $(TESTS)

e2e: $(VENV)/.ready-dev
	OUTER_NAMESPACE=$$(readlink /proc/self/ns/mnt) unshare --mount --propagation private \
	  $(BIN)/python -m pytest -m e2e $(E2E)

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: .bench/.ready
	@.bench/bin/python -m benchmarks.bench $(RUNS)

reformat: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

package: $(VENV)/.ready-dev
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf $(VENV) .bench build dist

$(VENV)/bin/python:
	@sh tools/make-venv.sh "$(PYTHON)" "$(VENV)"

# The demo needs the package and nothing more.
$(VENV)/.ready-demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-demo
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

# What is timed is installed as a user has it, not from the tree.
.bench/.ready: pyproject.toml $(wildcard docker_credential_ecrpy/*.py)
	@test -x .bench/bin/python || sh tools/make-venv.sh "$(PYTHON)" .bench
	.bench/bin/python -m pip install --quiet --group bench
	.bench/bin/python -m pip install --quiet --force-reinstall --no-deps .
	@touch $@
