# Every job of the project is one word here; a person, the hooks and the CI all call the same targets.
# Needs Python 3.11 or newer, pip and make. Environments are made on first use and renewed when pyproject.toml changes.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first interpreter that is new enough; override with `make PYTHON=/path/to/python ...`.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$python" && break; done)
ENV := .venv
DEMO_ENV := .venv-demo
ARGS ?=

# $(call environment,FOLDER,WHAT TO INSTALL): the stamp is touched last, so an interrupted install starts again.
define environment
@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one or pass PYTHON=..." >&2; exit 1; }
@$(1)/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(1)
$(1)/bin/python -m pip install --quiet $(2)
@touch $(1)/.installed
endef

.PHONY: help
help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

$(ENV)/.installed: pyproject.toml
	$(call environment,$(ENV),--editable '.[dev]')

# The demo runs the package as a user would install it, so it follows the sources too.
$(DEMO_ENV)/.installed: pyproject.toml $(shell find src -type f ! -name '*.pyc')
	$(call environment,$(DEMO_ENV),.)

.PHONY: demo
demo: $(DEMO_ENV)/.installed  ## predict depth for examples/ with the base install, and make a page of it
	$(DEMO_ENV)/bin/onedepth predict examples -o demo --html --overwrite
	@echo "Look at demo/index.html; the depth files (16-bit PNG, millimetres) lie beside it."

.PHONY: test
test: $(ENV)/.installed  ## run the whole test suite; ARGS="tests/test_camera.py -x" for a part
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(ENV)/bin/python -m pytest --numprocesses auto --dist loadfile $(ARGS)

.PHONY: docs
docs: $(ENV)/.installed  ## build the documentation with the API reference in site/; whatever is doubtful is an error
	NO_MKDOCS_2_WARNING=1 $(ENV)/bin/python -m mkdocs build --quiet

.PHONY: lint
lint: $(ENV)/.installed  ## check style and imports
	$(ENV)/bin/ruff check .
	$(ENV)/bin/ruff format --check .

.PHONY: format
format: $(ENV)/.installed  ## rewrite the sources in the project's style
	$(ENV)/bin/ruff check --fix .
	$(ENV)/bin/ruff format .

.PHONY: types
types: $(ENV)/.installed  ## check types strictly
	$(ENV)/bin/mypy

# The wheel is built from the sdist, in isolation, then tried by somebody who has nothing else.
.PHONY: dist
dist: $(ENV)/.installed  ## build sdist and wheel, install the wheel in a bare environment and try it
	rm -rf dist
	$(ENV)/bin/python -m hatchling build --target sdist
	$(ENV)/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist dist/*.tar.gz
	@set -e; bare=$$(mktemp -d); trap 'rm -rf "$$bare"' EXIT INT TERM; wheel=$$(ls "$$PWD"/dist/*.whl); \
	photo=$$(ls "$$PWD"/examples/*.jpg | head -n 1); set -x; \
	"$(PYTHON)" -m venv "$$bare/env"; \
	"$$bare/env/bin/python" -m pip install --quiet "$$wheel"; \
	cd "$$bare"; \
	env/bin/onedepth doctor; \
	env/bin/onedepth predict "$$photo" -o out; \
	test -n "$$(ls out)"
	@ls -l dist

.PHONY: bench
bench: $(ENV)/.installed  ## measure speed and memory against rivals (quiet machine, please)
	@for file in benchmarks/[!_]*.py; do case "$$file" in */soak.py|*/curves.py|*/stereo.py|*/video.py|*/measure.py|*/tiles.py|*/odometry.py|*/serve.py) continue;; esac; $(ENV)/bin/python "$$file" || exit 1; done

.PHONY: soak
soak: $(ENV)/.installed  ## photos, a long film and the server for ten minutes each, watching memory; ARGS="--minutes 60" for the photos
	$(ENV)/bin/python benchmarks/soak.py $(ARGS)
	HYPOTHESIS_PROFILE=search $(ENV)/bin/python -m pytest --numprocesses auto --timeout 3600 $$(grep -l hypothesis -r tests --include 'test_*.py')
	$(ENV)/bin/python benchmarks/video.py memory
	$(ENV)/bin/python benchmarks/serve.py --seconds 120
	ONEDEPTH_FUZZ_IMAGES=1000 ONEDEPTH_LOAD_SECONDS=120 $(ENV)/bin/python -m pytest tests/web/test_web_fuzz.py tests/web/test_web_load.py

.PHONY: clean
clean:  ## remove environments and everything that was built
	rm -rf $(ENV) $(DEMO_ENV) demo dist build site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
