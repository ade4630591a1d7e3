# Comanda: `make run` starts the whole system, `make test` proves it. `make help` lists everything.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run demo import test chaos fuzz bench docs check format reset lock lock-check ci

PYTHON ?= python3
BUS ?= embedded
STANDINS ?= 1
FILE ?= demo/data/online-retail-2010-12.jsonl.gz
PY := .venv/bin/python
STAMP := .venv/.installed
COMPILE := .venv/bin/uv pip compile --quiet --no-header --universal --generate-hashes --python-version 3.11 pyproject.toml

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(STAMP) ## make the environment in .venv from the lock

$(STAMP): requirements-dev.lock deploy/setup.sh
	@bash deploy/setup.sh "$(PYTHON)"

run: $(STAMP) ## start everything on this machine (BUS=kafka: on a local Apache Kafka; STANDINS=0: without stand-ins)
	@exec $(PY) -m deploy.run --bus "$(BUS)" --standins "$(STANDINS)"

demo: $(STAMP) ## place orders against a running system and follow one to the door
	@exec $(PY) -m demo.tour

import: $(STAMP) ## place a month of a real shop (FILE=...), play its people, compare every invoice, prove the rest
	@$(PY) -m demo.month "$(FILE)" && $(PY) -m demo.compare "$(FILE)" && $(PY) -m demo.checker

test: $(STAMP) ## every level of tests; says what it leaves out without Java
	@exec $(PY) -m deploy.levels

chaos: $(STAMP) ## kill and freeze everything while orders run; prove that nothing is lost or doubled (CHAOS="--seed 7")
	@exec $(PY) -m tests.chaos $(CHAOS)

fuzz: $(STAMP) ## send strangers to every route of the running system, a quarter of an hour (SEED=n: the same ones again)
	@exec $(PY) -m tests.fuzz $(if $(SEED),--seed $(SEED)) --report docs/reports/fuzz.md

bench: $(STAMP) ## measure speed beside the machine's own limits (ARGS="--only place", "--short", "--report FILE", "--help")
	@exec $(PY) -m tests.bench $(ARGS)

docs: $(STAMP) ## write what is generated from the contracts, the services and system.py anew
	@$(PY) -m deploy.documents && $(PY) -m deploy.manifests

check: $(STAMP) ## format, lint, walls, types, dependencies
	.venv/bin/ruff format --check --quiet .
	.venv/bin/ruff check --quiet .
	.venv/bin/lint-imports --no-logo >.venv/walls.txt || { cat .venv/walls.txt; exit 1; }
	.venv/bin/mypy --no-error-summary
	.venv/bin/deptry . --no-ansi 2>.venv/deptry.txt || { cat .venv/deptry.txt; exit 1; }

format: $(STAMP) ## write every file as the formatter wants it
	.venv/bin/ruff check --quiet --fix-only . && .venv/bin/ruff format --quiet .

reset: $(STAMP) ## throw the local state away: databases, topics, logs (asks first; YES=1 does not)
	@exec $(PY) -m deploy.reset $(if $(YES),--yes)

lock: $(STAMP) ## write the lock files anew, keeping pins that still fit (UPGRADE=1: the newest)
	$(COMPILE) $(if $(UPGRADE),--upgrade) -o requirements.lock
	$(COMPILE) $(if $(UPGRADE),--upgrade) --group dev -c requirements.lock -o requirements-dev.lock

lock-check: $(STAMP) ## are the lock files what pyproject.toml asks for?
	@mkdir -p .venv/lock && cp requirements.lock requirements-dev.lock .venv/lock/
	@$(COMPILE) -o .venv/lock/requirements.lock >/dev/null
	@$(COMPILE) --group dev -c requirements.lock -o .venv/lock/requirements-dev.lock >/dev/null
	@sed -i 's|\.venv/lock/||' .venv/lock/*.lock
	@diff -q requirements.lock .venv/lock/requirements.lock && diff -q requirements-dev.lock .venv/lock/requirements-dev.lock \
	  || { echo "The lock files are not what pyproject.toml asks for: make lock"; exit 1; }

ci: ## everything that must hold, as CI runs it
	@exec .ci/run
