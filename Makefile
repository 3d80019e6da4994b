# `make help` lists the commands. Everything is installed in .venv by setup.sh.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PORT ?= 3000
BIN := .venv/bin
UV := .tools/uv/bin/uv
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --group build --quiet \
  --custom-compile-command 'make lock' pyproject.toml
COMMA := ,

# A misspelled variable would be ignored, and the run be another one than was meant. Only those on
# the command line are looked at; the others belong to the environment.
VARIABLES := PYTHON PORT RUN EXTRAS SOURCE PRICES UNIVERSE SPLITS START END RATE SYMBOL CLUSTER ARGS MINUTES SEED
THEIRS := GAUNTLET_% DATABASE_URL DAGSTER_% UV_% PIP_% PYTHON% PG% MAKE% SHELL
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
UNKNOWN := $(firstword $(filter-out $(VARIABLES) $(THEIRS),$(GIVEN)))
DID_YOU_MEAN = import difflib, sys; name, *known = sys.argv[1:]; \
  print("".join("Did you mean %s? " % one for one in difflib.get_close_matches(name.upper(), known, 1)))
ifdef UNKNOWN
$(error Refused: $(UNKNOWN) is not a variable of this Makefile. $(shell \
  $(or $(PYTHON),python3) -c '$(DID_YOU_MEAN)' '$(UNKNOWN)' $(VARIABLES) 2>/dev/null)They are \
  $(VARIABLES))
endif

# `make run SOURCE=sample` sets GAUNTLET_SOURCE; what is not given leaves the environment alone.
$(foreach name,SOURCE PRICES UNIVERSE SPLITS START END RATE CLUSTER,\
  $(if $($(name)),$(eval export GAUNTLET_$(name) = $$($(name)))))
# The certificates that this machine trusts, as pip does: a company's proxy has its own.
export UV_SYSTEM_CERTS ?= 1
# Dagster reads dagster.yaml there, and needs an absolute path.
export DAGSTER_HOME ?= $(CURDIR)
# Dagster's commands print a warning about their successors on every use.
export PYTHONWARNINGS ?= ignore:Function `

.PHONY: help setup run retry report ui test chaos bench calibrate check format lock sbom clean ready ready-dev

help:  ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## create or repair .venv from the lock files (EXTRAS=s3,vectorbt PYTHON=)
	@sh setup.sh repair $(subst $(COMMA), ,$(EXTRAS))

run: ready  ## run the whole graph over the universe (SOURCE= PRICES= UNIVERSE= SPLITS= START= END= RATE= SYMBOL= CLUSTER=)
	@$(BIN)/python -m pipelines.cli.main_job --port '$(PORT)' $(if $(SYMBOL),--symbol "$$SYMBOL")

retry: ready  ## run what failed or is missing, as `make run` does (SOURCE= PRICES= UNIVERSE= SPLITS= START= END= RATE= CLUSTER=)
	@$(BIN)/python -m pipelines.cli.retry --port '$(PORT)'

report: ready  ## print where the report of a run is, write it if there is none, open it (RUN= ARGS=--rebuild)
	@$(BIN)/python -m pipelines.cli.report $(if $(RUN),--run "$$RUN") $(ARGS)

ui: ready  ## start the Dagster UI and daemon on http://127.0.0.1:3000 (PORT=)
	@$(BIN)/python -m pipelines.cli.ui '$(PORT)'

# Files in the order of collection, in which those that wait for daemons do not come last.
test: ready-dev  ## run the tests: real PostgreSQL, real Dagster runs
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: ready-dev  ## kill runs at random moments, and compare every row with a run left alone (MINUTES=10 SEED=)
	@$(BIN)/python -m tests.chaos --minutes '$(or $(MINUTES),10)' $(if $(SEED),--seed '$(SEED)')

bench: ready-dev  ## run the benchmarks and write docs/benchmarks.md (40 minutes or more; ARGS=)
	@$(BIN)/python -m benchmarks $(ARGS)

calibrate: ready  ## measure how often verdicts are wrong, and write docs/calibration.md (an hour; ARGS=)
	@$(BIN)/python -m pipelines.cli.calibrate $(ARGS)

check: ready-dev  ## check lint, format, types, import contracts, definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/dagster definitions validate -w workspace.yaml

format: ready-dev  ## format the code and fix what lint can fix
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# All of it first, then the part that runs need, with the versions that it has there. What fetches uv
# is pip, from a file with nothing but uv.
lock:  ## resolve pyproject.toml into the lock files (ARGS=-P <package> for a newer one)
	@sh setup.sh uv
	@$(COMPILE) --all-extras --group dev --output-file requirements-dev.lock $(ARGS)
	@cp requirements-dev.lock requirements.lock
	@$(COMPILE) --output-file requirements.lock
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock >requirements-uv.lock

sbom: ready-dev  ## write dist/gauntlet.cdx.json, the bill of materials of what a run needs
	@$(BIN)/python deploy/write_sbom.py

clean:  ## remove the virtual environment (your data in .data stays)
	rm -f .venv/.synced
	rm -rf .venv .tools

ready:
	@sh setup.sh

ready-dev:
	@sh setup.sh dev
