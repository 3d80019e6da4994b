# `make help` lists the commands. Everything is installed in .venv, from requirements.lock.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 3000
UV_VERSION := 0.13.9
BIN := .venv/bin
UV := .tools/bin/uv

# `make run SOURCE=sample` sets GAUNTLET_SOURCE; what is not given leaves the environment alone.
$(foreach name,SOURCE PRICES UNIVERSE SPLITS START END RATE,\
  $(if $($(name)),$(eval export GAUNTLET_$(name) = $$($(name)))))
# The certificates that this machine trusts, as pip does: a company's proxy has its own.
export UV_SYSTEM_CERTS ?= 1
# Dagster reads dagster.yaml there, and needs an absolute path.
export DAGSTER_HOME ?= $(CURDIR)
# Dagster's commands print a warning about their successors on every use.
export PYTHONWARNINGS ?= ignore:Function `

.PHONY: help setup run retry ui test bench check format lock clean

help:  ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.synced  ## create the virtual environment from requirements.lock

run: .venv/.synced  ## run the whole graph over the universe (SOURCE= PRICES= UNIVERSE= SPLITS= START= END= RATE= SYMBOL=)
	@$(BIN)/python -m pipelines.cli.main_job $(if $(SYMBOL),--symbol '$(SYMBOL)')

retry: .venv/.synced  ## run what failed or is missing, as `make run` does (SOURCE= PRICES= UNIVERSE= SPLITS= START= END= RATE=)
	@$(BIN)/python -m pipelines.cli.retry

ui: .venv/.synced  ## start the Dagster UI and daemon on http://127.0.0.1:3000 (PORT=)
	@$(BIN)/dagster dev --host 127.0.0.1 --port $(PORT)

# Files in their order: otherwise the few tests that wait for daemons would come last.
test: .venv/.synced  ## run the tests: real PostgreSQL, real Dagster runs
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/.synced  ## run the benchmarks and write docs/benchmarks.md (25 minutes; ARGS=)
	@$(BIN)/python -m benchmarks $(ARGS)

check: .venv/.synced  ## check lint, format, types, import contracts, definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/dagster definitions validate -w workspace.yaml

format: .venv/.synced  ## format the code and fix what lint can fix
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

# Bytecode is compiled here, once: without it each process would compile Dagster again wherever
# PYTHONDONTWRITEBYTECODE is set.
.venv/.synced: requirements.lock pyproject.toml | $(UV)
	@echo "Setting up .venv from requirements.lock"
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
