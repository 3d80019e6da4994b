# `make help` lists the verbs. Everything lives in .venv, made from requirements.lock.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 3000
UV_VERSION := 0.13.9
BIN := .venv/bin
UV := .tools/bin/uv

# The short names of `make run SOURCE=sample`; a variable that is not given leaves the environment alone.
ifdef SOURCE
export GAUNTLET_SOURCE = $(SOURCE)
endif
ifdef PRICES
export GAUNTLET_PRICES = $(PRICES)
endif
ifdef UNIVERSE
export GAUNTLET_UNIVERSE = $(UNIVERSE)
endif
ifdef START
export GAUNTLET_START = $(START)
endif
ifdef END
export GAUNTLET_END = $(END)
endif
ifdef RATE
export GAUNTLET_RATE = $(RATE)
endif
# The certificates this machine trusts, as pip does: a company's proxy has its own.
export UV_SYSTEM_CERTS ?= 1
# Dagster reads dagster.yaml there, and wants the path absolute.
export DAGSTER_HOME ?= $(CURDIR)
# Dagster's commands advertise their successors on every use.
export PYTHONWARNINGS ?= ignore:Function `

.PHONY: help setup run ui test bench check format lock clean

help:  ## list the verbs
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.synced  ## make the virtual environment from requirements.lock

run: .venv/.synced  ## run the whole graph over the universe (SOURCE= PRICES= UNIVERSE= START= END= RATE= SYMBOL=)
	@$(BIN)/python -m pipelines.cli.main_job $(if $(SYMBOL),--symbol $(SYMBOL))

ui: .venv/.synced  ## the Dagster page and daemon on http://127.0.0.1:3000 (PORT=)
	@$(BIN)/dagster dev --host 127.0.0.1 --port $(PORT)

# Files in their order: the few tests that wait for daemons would otherwise be left for the end.
test: .venv/.synced  ## the tests: real PostgreSQL, real Dagster runs
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/.synced  ## the benchmarks, and docs/benchmarks.md from them (6 minutes; ARGS=)
	@$(BIN)/python -m benchmarks $(ARGS)

check: .venv/.synced  ## lint, format, types, import contracts, definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/dagster definitions validate -w workspace.yaml

format: .venv/.synced  ## format the code and mend what lint can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock: $(UV)  ## resolve pyproject.toml into requirements.lock
	@$(UV) pip compile --universal --python-version 3.11 --generate-hashes --group dev --quiet \
	  --custom-compile-command 'make lock' pyproject.toml --output-file requirements.lock $(ARGS)

clean:  ## remove the virtual environment (your data in .data stays)
	rm -rf .venv .tools

$(UV):
	@echo "Bootstrapping uv $(UV_VERSION)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check \
	  --root-user-action ignore --target .tools "uv==$(UV_VERSION)"

# Bytecode is compiled here, once: without it each process would compile Dagster anew wherever
# PYTHONDONTWRITEBYTECODE is set.
.venv/.synced: requirements.lock pyproject.toml | $(UV)
	@echo "Setting up .venv from requirements.lock"
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
