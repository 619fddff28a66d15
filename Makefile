# Needs Python 3.11 or newer with its venv module; everything else is installed into .venv.
PYTHON ?= python3
PYTEST_ARGS ?= -n auto
VENV := .venv
BIN := $(VENV)/bin

MADE := $(VENV)/.made
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed

TYPED := src/mooring $(wildcard tests) $(if $(wildcard benchmarks/*.py),benchmarks) $(wildcard examples/demo/run.py)

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench clean

help: ## Say what can be made.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Install into .venv and run the whole chain on a real example.
	@$(BIN)/python examples/demo/run.py

test: lint ## Install with the development tools, lint, and run every test.
	@$(BIN)/pytest $(PYTEST_ARGS)

lint: $(DEVELOPED) ## Check style, formatting and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(TYPED)

bench: $(DEVELOPED) ## Measure against the other tools on this machine.
	@$(BIN)/python benchmarks/run.py

clean: ## Remove .venv and the tools' caches.
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Mooring needs Python 3.11 or newer; $(PYTHON) is not. Name another one: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@touch $@

# A change of pyproject.toml installs again; an unchanged one costs nothing.
$(INSTALLED): pyproject.toml | $(MADE)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# Dependency groups need pip 25.1, newer than the one that a venv starts with.
$(DEVELOPED): pyproject.toml $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=26'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
