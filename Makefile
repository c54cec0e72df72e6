# One command for each thing that one does with this tree. `make help` lists them.
#
# Needs make and Python 3.11 or newer; everything else is set up in .venv, from package indexes: pip brings uv, uv brings what
# uv.lock names. The stamp makes a second run quick.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
UV := $(BIN)/uv
UV_VERSION := >=0.9,<1
STAMP := .venv/.synced

# uv works on the environment that this file made, whatever is activated around it.
export UV_PROJECT_ENVIRONMENT := .venv
export VIRTUAL_ENV :=

.DEFAULT_GOAL := help
.PHONY: help setup test lint format types imports unit chaos demo planted sim soak bench clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: $(STAMP) ## make .venv and install everything that uv.lock names

$(UV):
	@test -n "$(PYTHON)" || { echo "make: no python3 found; install Python 3.11 or newer, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than Python 3.11; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv$(UV_VERSION)"

$(STAMP): $(UV) pyproject.toml uv.lock
	$(UV) sync --quiet --all-extras --locked
	@touch $@

test: lint types imports unit ## all that CI checks: lint, types, import floors, tests

lint: $(STAMP) ## style, and nothing but the formatter's form
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check

types: $(STAMP) ## mypy --strict, of the packages and of what uses them
	$(BIN)/mypy --no-error-summary
	$(BIN)/mypy --no-error-summary bench sdk/examples/*.py

imports: $(STAMP) ## the floors of the architecture
	$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports --no-logo

unit: $(STAMP) ## pytest alone, four files at a time: they mostly wait; PYTEST_ARGS chooses
	$(BIN)/pytest --numprocesses 4 --dist loadfile $(PYTEST_ARGS)

chaos: $(STAMP) ## ten minutes of faults against real servers; SEED=n repeats one, MINUTES=m, CHAOS_ARGS=--help
	$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(CHAOS_ARGS)

format: $(STAMP) ## let ruff rewrite what it can
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

demo: $(STAMP) ## fan-out, saga and a kill, on servers of their own
	$(BIN)/perdure demo $(DEMO_ARGS)

sim: $(STAMP) ## simulate faults, RUNS seeds from SEED on; a seed that fails is shrunk; SIM_ARGS=--json
	$(BIN)/python -m tests.simulation --seed $(or $(SEED),1) --runs $(or $(RUNS),1) $(SIM_ARGS)

planted: $(STAMP) ## plant each bug in the simulation, and tell which rule of the auditor catches it
	$(BIN)/python -m tests.simulation.planted $(PLANTED_ARGS)

soak: $(STAMP) ## constant load, to see that nothing grows: MINUTES=m (9), SOAK_ARGS=--help
	$(BIN)/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES)) $(SOAK_ARGS)

bench: $(STAMP) ## Perdure beside its peers; BENCH_ARGS=--quick for a short run
	$(UV) sync --quiet --all-extras --locked --group bench --group peers \
	  || { echo "make: peers could not be installed; they are left out" >&2; $(UV) sync --quiet --all-extras --locked --group bench; }
	@if command -v npm >/dev/null; then npm install --prefix bench/peers/node --loglevel error --no-package-lock --no-audit \
	  --no-fund >/dev/null || echo "make: npm install failed; peers that need Node.js are left out" >&2; fi
	$(BIN)/python -m bench $(BENCH_ARGS)

clean: ## remove caches and build products, but not .venv
	rm -rf dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find engine broker store sdk bench tests -name __pycache__ -type d -prune -exec rm -rf {} +
