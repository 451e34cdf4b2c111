# Needs Python 3.11 or later and nothing else; each target sets up what it needs on first use.
PYTHON ?= python3
# Commands start faster where what was compiled is kept.
export PYTHONDONTWRITEBYTECODE :=
BIN := .venv/bin
POSTGRES15_TESTS ?= tests/sql tests/concurrency tests/model tests/migration

.PHONY: demo setup test format postgres15 bench storm pictures clean help

demo: setup  ## a phone call books an appointment, in a real PostgreSQL; then try it yourself
	@$(BIN)/voxanne demo

setup: .venv/.running  ## install what running needs: .venv, with the command at .venv/bin/voxanne

test: .venv/.testing  ## lint, types, import rules, and every test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 3 --dist worksteal

postgres15: .venv/.testing  ## the SQL, concurrency, model and migration tests on Debian's PostgreSQL 15
	$(BIN)/pytest -n 2 --dist worksteal --postgres-bin /usr/lib/postgresql/15/bin $(POSTGRES15_TESTS)

storm: .venv/.testing  ## 2,000 bookings, moves and cancellations among faults and killed workers; calendar latency
	VOXANNE_STORM_OPERATIONS=2000 $(BIN)/pytest tests/storm/test_storm.py tests/storm/latency.py

pictures: .venv/.testing  ## a picture of every page of the dashboard, into docs/pictures
	$(BIN)/pytest tests/browser/pictures.py

bench: setup  ## throughput, latency and memory on this machine, as ratios
	@$(BIN)/voxanne bench

format: .venv/.testing  ## put the code into the project's form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove the virtual environment, the demo's data and caches
	rm -rf .venv .voxanne .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

help:  ## this list
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making .venv…"
	@$(PYTHON) -m venv .venv

.venv/.running: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing (first time only)…"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.testing: .venv/.running
	@echo "Installing the tests' tools…"
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@
