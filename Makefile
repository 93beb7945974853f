# `make help` prints the lines that begin with two hashes.
#
## Usage: make <target> [VARIABLE=value ...]
##
## Start here
##   help         list the targets: the default
##   demo         run the helper against a loopback AWS, step by step
##   test         run the tests; TESTS=tests/unit/hot/test_cache.py runs some
##
## Install
##   binary       build the standalone programs: one file and a folder, in dist/
##   install      install both programs below PREFIX (/usr/local)
##   uninstall    remove what `make install` installed
##   deb          build a Debian package of both programs
##   rpm          build an rpm of both programs
##   image        build a container image of both programs: ENGINE=docker, TAG=
##   package      build the wheel of the Python package
##   wheels       build that wheel, and the one of the static program
##   dist         build the release files and SHA256SUMS in dist/release/, and what
##                package managers read in dist/package-managers/
##   apt-repo     add the Debian package to the apt repository APT_REPO (dist/apt),
##                signed by gpg's KEY; DEBS="a.deb b.deb" adds other packages
##
## Check
##   lint         check formatting, lint, types, and which room imports which
##   test-sdist   run the tests from the source package, unpacked elsewhere
##   test-binary  run the tests through the standalone programs (root, Linux)
##   roots        unpack the oldest and the newest Debian for test-binary (root,
##                debootstrap)
##   e2e          run the tests with Docker, podman, buildah, skopeo (root, Linux)
##   kube         test pull-secrets with a real kube-apiserver, which it builds
##                outside of the tree (Debian's keys and tools); KUBE=directory
##   matrix       run the tests on every Python found, with the oldest and the
##                newest dependencies; MATRIX="--only 3.13 --with newest" for one
##   chaos        inject faults for five minutes; SECONDS=60, SEED=7
##   fuzz         feed hostile input for a minute; SECONDS=600, SEED=7
##   mutants      check that the tests notice a changed module; SAMPLE=20
##   bench        time every program: benchmarks/RESULTS.md; BENCH=--quick
##   simulate     count the calls of fleets in a day: docs/scale.md; SEED=2
##
## Maintain
##   docs         build the documentation site in build/site/
##   reference    write the tables of docs/reference.md, config.schema.json, and
##                the bases of deploy/kubernetes/pull-secrets
##   reformat     fix formatting and lint
##   lock         update the locked versions of the programs and of the image
##   clean        remove everything that a target built
##
## Each target installs what it needs: Python packages into .venv and the like,
## system packages with apt-get. WORKERS=0 runs the tests one after the other;
## PROGRAM=dist/docker-credential-ecr-login runs them through that program.

PYTHON ?= python3
VENV ?= .venv
TESTS ?= tests
WORKERS ?= 4
E2E ?= tests/e2e
KUBE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/docker-credential-ecrpy/kube
PROGRAM ?=
PREFIX ?= /usr/local
ENGINE ?= docker
TAG ?= docker-credential-ecrpy
APT_REPO ?= dist/apt
DEBS ?= dist/docker-credential-ecrpy_*.deb
KEY ?=
DESTDIR ?=
BIN = $(VENV)/bin
CHOSEN = $(if $(PROGRAM),--program "$(PROGRAM)")

NAME = docker-credential-ecrpy
FOLDER = dist/$(NAME)
DROP_IN = docker-credential-ecr-login
ONE_FILE = dist/$(DROP_IN)
SHARE = dist/share/man/man1/$(DROP_IN).1
SBOM = dist/$(NAME).cdx.json
STATIC = dist/.static
IMAGE = dist/image
CONTENTS = build/binary/build_binary/contents.json
SOURCES := $(shell find docker_credential_ecrpy -name '*.py')
BUILD_SOURCES := $(shell find binary -type f -not -name '*.pyc')

# Tests run in parallel, except those that need the whole machine. They wait more than they compute:
# two cores are busy with four workers.
PARALLEL = -n $(WORKERS) --dist worksteal

# RUNS: how often bench runs each program. SECONDS: how long chaos and fuzz take.
RUNS ?= 21
BENCH ?=
SECONDS ?=
SEED ?=
SAMPLE ?=
MATRIX ?=

# Reproducible builds: the same commit gives the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1767225600)
export SOURCE_DATE_EPOCH

# Delete the target of a recipe that failed, or the next make would use it.
.DELETE_ON_ERROR:

# A private mount namespace: tests that mount refuse to run without one.
IN_NAMESPACE = OUTER_NAMESPACE=$$(readlink /proc/self/ns/mnt) unshare --mount --propagation private

.PHONY: help demo test binary install uninstall deb rpm image apt-repo package wheels dist lint test-sdist test-binary roots e2e kube matrix chaos fuzz \
  mutants bench simulate docs reference reformat lock clean missing

help:
	@sed -n 's/^## \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.ready-demo
	@$(BIN)/python -m tests.demo

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest $(PARALLEL) $(CHOSEN) $(TESTS)

test-sdist: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -m sdist tests/project

e2e: $(VENV)/.ready-dev build/image-wheels/.ready
	$(IN_NAMESPACE) $(BIN)/python -m pytest -m e2e $(CHOSEN) $(E2E)

kube: $(VENV)/.ready-dev
	@sh tools/make-kube.sh "$(KUBE)"
	KUBE="$$(realpath -- "$(KUBE)")" $(BIN)/python -m pytest $(PARALLEL) -m kube $(TESTS)

# What the image of the controller holds beside our wheel.
build/image-wheels/.ready: deploy/kubernetes/pull-secrets/image/requirements.txt $(VENV)/.ready-dev
	rm -rf $(@D)
	$(BIN)/python -m pip download --quiet --require-hashes --no-deps --only-binary=:all: --requirement $< --dest $(@D)
	@touch $@

# The products themselves; then the wheel's own tests, through the products.
test-binary: $(VENV)/.ready-dev dist $(IMAGE) $(if $(shell command -v debootstrap),roots)
	$(IN_NAMESPACE) $(BIN)/python -m pytest $(PARALLEL) -m binary tests/binary
	$(IN_NAMESPACE) $(BIN)/python -m pytest -m binary tests/e2e
	$(BIN)/python -m pytest $(PARALLEL) --program $(ONE_FILE) tests
	$(BIN)/python -m pytest $(PARALLEL) --program $(FOLDER)/$(DROP_IN) tests/promises/test_protocol.py

roots:
	@sh tools/make-roots.sh build/roots oldoldstable sid

binary: $(ONE_FILE) $(SHARE) $(SBOM)

# One stamp for both products: it is rebuilt if either is missing. PyInstaller's cache is kept out
# of the home directory. Without what the static program needs, the one file is PyInstaller's.
dist/.built: build_binary.spec $(SOURCES) $(BUILD_SOURCES) .binary/.ready Makefile \
  $(if $(and $(wildcard $(ONE_FILE)),$(wildcard $(FOLDER)/$(DROP_IN))),,missing)
	rm -rf $@ $(STATIC) $(FOLDER) $(ONE_FILE)
	PATH="$(CURDIR)/.binary/bin:$$PATH" PYTHONHASHSEED=1 PYINSTALLER_CONFIG_DIR="$(CURDIR)/build/pyinstaller" \
	  .binary/bin/python -m PyInstaller --noconfirm --clean --log-level WARN \
	  --distpath dist --workpath build/binary build_binary.spec
	.binary/bin/python -B -X no_debug_ranges binary/static.py $(CONTENTS) build/static $(ONE_FILE) $(STATIC) || [ $$? = 3 ]
	@touch $@

$(ONE_FILE): dist/.built ;

.binary/.ready: binary/requirements.txt tools/make-binary-venv.sh tools/make-venv.sh
	@sh tools/make-binary-venv.sh "$(PYTHON)" .binary
	@touch $@

# The manual pages and the completion scripts.
$(SHARE): $(wildcard tools/*.py) CHANGELOG.md $(SOURCES) .binary/.ready
	@.binary/bin/python -B tools/share.py dist/share

# The bill of materials of both programs, in CycloneDX format.
$(SBOM): dist/.built tools/sbom.py
	@.binary/bin/python -B tools/sbom.py $@

install: binary
	@SOURCE=dist sh tools/install.sh install "$(PREFIX)" "$(DESTDIR)"

uninstall:
	@sh tools/install.sh uninstall "$(PREFIX)" "$(DESTDIR)"

deb: binary
	@sh tools/make-deb.sh dist

rpm: binary
	@sh tools/make-rpm.sh dist

image: $(IMAGE)
	$(ENGINE) build --file Containerfile --tag $(TAG) $(IMAGE)

$(IMAGE): dist/.built tools/make-image-root.sh binary/copyright
	@sh tools/make-image-root.sh .binary/bin/python $@

apt-repo: deb
	@sh tools/make-apt-repo.sh "$(APT_REPO)" "$(KEY)" $(DEBS)

# The rpm holds the static program, so there is none without it.
dist: wheels $(if $(shell command -v dpkg-deb),deb)
	@if [ -e $(STATIC) ] && command -v rpmbuild >/dev/null; then sh tools/make-rpm.sh dist; fi
	@sh tools/make-dist.sh dist/release
	@.binary/bin/python -B -m tools.package_managers dist/release dist/package-managers

lint: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	@sh tools/lint-workflows.sh $(BIN)

bench: .bench/.ready $(ONE_FILE)
	@.bench/bin/python -m benchmarks $(RUNS) $(BENCH)

# Only the documented day is written into the page.
simulate: $(VENV)/.ready-demo
	@$(BIN)/python -m tools.simulation $(if $(SEED),--seed $(SEED),--write)

chaos: $(VENV)/.ready-dev
	@$(BIN)/python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
	  $(CHOSEN)

fuzz: $(VENV)/.ready-fuzz
	@$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

mutants: $(VENV)/.ready-mutants
	@sh tools/sealed.sh $(BIN)/python -m tests.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

matrix: $(VENV)/.ready-demo
	@$(BIN)/python tools/matrix.py --workers $(WORKERS) $(MATRIX) $(TESTS)

reference: $(VENV)/.ready-demo
	$(BIN)/python -B tools/config_schema.py
	$(BIN)/python -B tools/reference.py
	$(BIN)/python -B tools/manifests.py

reformat: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

package: $(VENV)/.ready-dev
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

wheels: binary package
	@.binary/bin/python -B tools/platform_wheel.py dist

# The documentation site; a dead link fails.
.PHONY: docs
docs: .docs/.ready
	@NO_MKDOCS_2_WARNING=1 .docs/bin/mkdocs build --strict

.docs/.ready: pyproject.toml
	@test -x .docs/bin/python || sh tools/make-venv.sh "$(PYTHON)" .docs
	.docs/bin/python -m pip install --quiet --group docs
	@touch $@

lock: $(VENV)/.ready-dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml --group binary --upgrade --universal --python-version 3.10 \
	  --generate-hashes --no-annotate --custom-compile-command "make lock" \
	  --output-file binary/requirements.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --extra kubernetes --upgrade --universal --python-version 3.10 \
	  --generate-hashes --no-annotate --custom-compile-command "make lock" \
	  --output-file deploy/kubernetes/pull-secrets/image/requirements.txt

clean:
	rm -rf $(VENV) .bench .binary .docs .matrix build dist

$(VENV)/bin/python:
	@sh tools/make-venv.sh "$(PYTHON)" "$(VENV)"

# The demo needs only the package.
$(VENV)/.ready-demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready-demo
	$(BIN)/python -m pip install --quiet --editable . --group dev # both, so that they agree
	@touch $@

$(VENV)/.ready-fuzz $(VENV)/.ready-mutants: $(VENV)/.ready-%: $(VENV)/.ready-dev
	@$(BIN)/python -m pip install --quiet --group $*
	@touch $@

# Benchmarks time an installed package, as users have it, not the tree.
.bench/.ready: pyproject.toml $(SOURCES)
	@test -x .bench/bin/python || sh tools/make-venv.sh "$(PYTHON)" .bench
	.bench/bin/python -m pip install --quiet --group bench
	.bench/bin/python -m pip install --quiet --force-reinstall --no-deps .
	@touch $@
