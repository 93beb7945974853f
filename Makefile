# make demo     the helper at work against a loopback AWS, shown step by step
# make test     the tests
# make test-sdist     the tests, from the source package: built, and unpacked elsewhere
# make e2e      the tests with Docker's engine, podman, buildah and skopeo (root, Linux)
# make test-binary    the standalone programs and their packages, and the tests through them (same)
# make binary   the standalone programs: dist/docker-credential-ecrpy/, and one file beside it
# make install, make uninstall    the folder below PREFIX (/usr/local), both programs on PATH
# make deb      a Debian package
# make dist     what a release has: tarball, one file, Debian package, wheel, SHA256SUMS
# make lint     formatting, lint, types, and which room imports which
# make bench    how long each program takes, side by side: benchmarks/RESULTS.md; BENCH=--quick
# make chaos    a campaign of faults, five minutes of them: SEED=7 has others, SECONDS=60 fewer
# make fuzz     hostile input, a minute of it: SECONDS=600 for more
# make mutants  whether the tests notice when a module is changed; SAMPLE=20 for some of them
# make matrix   the tests on every Python found, with the oldest and the newest of what it needs;
#               MATRIX="--only 3.13 --with newest" on one
# make reformat, make package, make lock, make clean
#
# Each sets up what it needs: Python packages in .venv, .bench and .binary; what it lacks of the
# system, with apt-get. TESTS chooses tests: make test TESTS=tests/unit/hot/test_cache.py
# WORKERS is how many of them run at once: make test WORKERS=0 for one after the other
# PROGRAM tests another program than the tree's: make test PROGRAM=dist/docker-credential-ecr-login

PYTHON ?= python3
VENV ?= .venv
TESTS ?= tests
WORKERS ?= 3
E2E ?= tests/e2e
PROGRAM ?=
PREFIX ?= /usr/local
DESTDIR ?=
BIN = $(VENV)/bin
CHOSEN = $(if $(PROGRAM),--program "$(PROGRAM)")

NAME = docker-credential-ecrpy
FOLDER = dist/$(NAME)
DROP_IN = docker-credential-ecr-login
ONE_FILE = dist/$(DROP_IN)
SHARE = dist/share/man/man1/$(DROP_IN).1
BILL = dist/$(NAME).cdx.json
SOURCES := $(shell find docker_credential_ecrpy -name '*.py')

# Tests run side by side, but for those that have a machine to themselves.
AT_ONCE = -n $(WORKERS) --dist worksteal

# How often bench runs each program, and how long a campaign takes.
RUNS ?= 21
BENCH ?=
SECONDS ?=
SEED ?=
SAMPLE ?=
MATRIX ?=

# The same commit gives the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1767225600)
export SOURCE_DATE_EPOCH

# A file whose recipe failed is not there.
.DELETE_ON_ERROR:

# A mount namespace of its own, which the tests that need one insist on.
IN_NAMESPACE = OUTER_NAMESPACE=$$(readlink /proc/self/ns/mnt) unshare --mount --propagation private

.PHONY: demo test test-sdist e2e test-binary binary install uninstall deb dist lint bench chaos fuzz mutants \
  matrix reformat package lock clean missing

demo: $(VENV)/.ready-demo
	@$(BIN)/python -m tests.demo

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest $(AT_ONCE) $(CHOSEN) $(TESTS)

test-sdist: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -m sdist tests/project

e2e: $(VENV)/.ready-dev
	$(IN_NAMESPACE) $(BIN)/python -m pytest -m e2e $(CHOSEN) $(E2E)

# The products themselves; then what the wheel is tested with, through them.
test-binary: $(VENV)/.ready-dev binary deb package
	$(IN_NAMESPACE) $(BIN)/python -m pytest -m binary tests
	$(BIN)/python -m pytest $(AT_ONCE) --program $(FOLDER)/$(DROP_IN) tests
	$(BIN)/python -m pytest $(AT_ONCE) --program $(ONE_FILE) \
	  $(addprefix tests/promises/test_,protocol.py streams.py credentials.py endpoints.py herds.py limits.py)

binary: $(ONE_FILE) $(SHARE) $(BILL)

# The stamp stands for both products; without one of them it counts for nothing. PyInstaller's own
# cache stays out of the home directory.
dist/.built: build_binary.spec $(SOURCES) $(wildcard binary/* binary/*/*) .binary/.ready Makefile \
  $(if $(and $(wildcard $(ONE_FILE)),$(wildcard $(FOLDER)/$(DROP_IN))),,missing)
	rm -rf $@ $(FOLDER) $(ONE_FILE)
	PATH="$(CURDIR)/.binary/bin:$$PATH" PYTHONHASHSEED=1 PYINSTALLER_ZLIB_COMPRESSION_LEVEL=0 \
	  PYINSTALLER_CONFIG_DIR="$(CURDIR)/build/pyinstaller" \
	  .binary/bin/python -m PyInstaller --noconfirm --clean --log-level WARN \
	  --distpath dist --workpath build/binary build_binary.spec
	@touch $@

$(ONE_FILE): dist/.built ;

.binary/.ready: binary/requirements.txt binary/bootloader.c tools/make-binary-venv.sh tools/make-venv.sh
	@sh tools/make-binary-venv.sh "$(PYTHON)" .binary
	@touch $@

# The manual pages, and what makes shells complete a line.
$(SHARE): tools/share.py tools/man.py $(SOURCES) .binary/.ready
	@.binary/bin/python -B tools/share.py dist/share

# What the programs hold, in CycloneDX's format.
$(BILL): dist/.built tools/sbom.py
	@.binary/bin/python -B tools/sbom.py $@

install: binary
	@SOURCE=dist sh tools/install.sh install "$(PREFIX)" "$(DESTDIR)"

uninstall:
	@sh tools/install.sh uninstall "$(PREFIX)" "$(DESTDIR)"

deb: binary
	@sh tools/make-deb.sh dist

dist: binary package $(if $(shell command -v dpkg-deb),deb)
	@sh tools/make-dist.sh dist/release

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@sh tools/lint-workflows.sh $(BIN)/zizmor

bench: .bench/.ready $(ONE_FILE)
	@.bench/bin/python -m benchmarks $(RUNS) $(BENCH)

chaos: $(VENV)/.ready-dev
	@$(BIN)/python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
	  $(CHOSEN)

fuzz: $(VENV)/.ready-fuzz
	@$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS))

mutants: $(VENV)/.ready-mutants
	@sh tools/sealed.sh $(BIN)/python -m tests.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

matrix: $(VENV)/.ready-demo
	@$(BIN)/python tools/matrix.py --workers $(WORKERS) $(MATRIX) $(TESTS)

reformat: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

package: $(VENV)/.ready-dev
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

lock: $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml --group binary --upgrade --universal --python-version 3.10 \
	  --generate-hashes --no-annotate --custom-compile-command "make lock" \
	  --output-file binary/requirements.txt

clean:
	rm -rf $(VENV) .bench .binary .matrix build dist

$(VENV)/bin/python:
	@sh tools/make-venv.sh "$(PYTHON)" "$(VENV)"

# The demo needs the package and nothing more.
$(VENV)/.ready-demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-demo
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(VENV)/.ready-fuzz $(VENV)/.ready-mutants: $(VENV)/.ready-%: $(VENV)/.ready-dev
	@$(BIN)/python -m pip install --quiet --group $*
	@touch $@

# What is timed is installed as a user has it, not from the tree.
.bench/.ready: pyproject.toml $(SOURCES)
	@test -x .bench/bin/python || sh tools/make-venv.sh "$(PYTHON)" .bench
	.bench/bin/python -m pip install --quiet --group bench
	.bench/bin/python -m pip install --quiet --force-reinstall --no-deps .
	@touch $@
