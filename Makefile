# One verb per job. `make setup` needs Python 3.11 or newer and the network, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PACKAGES := schemas streams projections connectors deploy
FOLD := $(shell find streams/account schemas -name '*.py')
ARGS ?=

.PHONY: help setup lock fmt check test test-unit test-laws mutants chaos chaos-rewards bench demo up \
	clean schemas

help: ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /|/' | column -t -s '|'

setup: $(VENV)/.installed $(VENV)/.native ## virtual environment with exactly the locked packages
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@echo "ready: $(BIN)/cactus --help"

$(UV): requirements.lock
	@bash deploy/bootstrap.sh $(VENV) requirements.lock

# Compiled at once, as our own are by setup: where Python may not write, every process would compile
# all of them anew.
$(VENV)/.installed: $(UV) requirements.lock pyproject.toml
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

$(VENV)/.native: $(VENV)/.installed $(FOLD)
	@touch $@.began # what is edited meanwhile is newer than it
	@$(BIN)/python -m deploy.native
	@mv $@.began $@

lock: ## choose package versions anew, with hashes and without any registry's address
	@test -x $(UV) || $(MAKE) --no-print-directory setup
	$(UV) pip compile --quiet --universal --upgrade --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --group dev --group bench pyproject.toml --output-file requirements.lock

fmt: $(VENV)/.installed ## put the code in shape
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

check: $(VENV)/.installed ## format, lint, types, boundaries, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m deploy.contracts --check
	$(BIN)/python -m deploy.monitoring --check

schemas: $(VENV)/.installed ## write the generated contracts, alert rules, dashboard and list of metrics
	$(BIN)/python -m deploy.contracts
	$(BIN)/python -m deploy.monitoring

test: setup ## every test, on a real embedded broker
	$(BIN)/python -m pytest $(ARGS)

test-unit: $(VENV)/.installed ## the fast tests only
	$(BIN)/python -m pytest -m "not integration and not chaos and not bench" $(ARGS)

test-laws: setup ## the fold against an oracle on many random histories, then the laws at length: make test-laws ARGS="--histories 100000 --seed 7"
	$(BIN)/python -m tests.laws $(ARGS)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -q --timeout 900 tests/properties/test_account_laws.py

mutants: $(VENV)/.installed ## put small mistakes into the fold, the tests must notice 85 per cent: make mutants SAMPLE=300 SEED=1, SAMPLE=0 for all
	$(BIN)/python -m tests.mutants --sample $(or $(SAMPLE),300) --seed $(or $(SEED),1) $(ARGS)

chaos: setup ## kill and freeze everything under load, then audit: make chaos SEED=7
	$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) $(ARGS)

chaos-rewards: setup ## the same for rewards and those who give them: make chaos-rewards SEED=7
	$(BIN)/python -m tests.chaos_rewards --seed $(or $(SEED),1) $(ARGS)

bench: setup ## the engine beside its peers: same facts, same fold, same broker
	$(BIN)/python -m tests.bench $(ARGS)

demo: setup ## a year of billing life through everything, then an audit: make demo ARGS=--exit
	@$(BIN)/cactus demo $(ARGS)

up: setup ## every role on this machine until Ctrl-C
	$(BIN)/cactus up $(ARGS)

clean: ## forget the environment, caches and local data
	@if test -x $(BIN)/cactus; then $(BIN)/cactus kafka stop --quiet || true; fi
	rm -rf $(VENV) .cactus .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
