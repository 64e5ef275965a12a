# Everything that a newcomer needs: `make run`, `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := build/demo
# Two workers a processor: while one waits for a service or for a time that a rule asks for, the other computes.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install run tour test test-fast coverage test-live check docs docs-serve docs-reference screenshots mutate bench soak crash-test attack format clean

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Headcount needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

install: $(STAMP)  ## a virtual environment with everything in it

run: $(STAMP)  ## the service, with live rooms that are made up and days behind them
	@mkdir -p $(DEMO)
	@$(BIN)/headcount demo --database $(DEMO)/headcount.db --webhook-allowed-networks 127.0.0.0/8

tour: $(STAMP)  ## find the meetings in real server output and in a realistic sample
	@mkdir -p $(DEMO)
	@$(BIN)/headcount tour --jitsi tests/captures/prosody-0.12.3-event-sync.jsonl --sample $(DEMO)/sample.parquet

test: $(STAMP)  ## all tests, on all processors; installs PostgreSQL and libraries for Node.js if they are not there
	@tests/install_servers.sh
	@tests/install_node.sh
	$(PYTEST) --ignore=tests/live $(TESTS)

test-fast: $(STAMP)  ## the tests that need no server, no browser and no other process, on all processors
	$(PYTEST) --ignore=tests/live --ignore=tests/system -m "not process" $(TESTS)

coverage: $(STAMP)  ## the same, and which lines no test comes to; takes a third longer
	@$(MAKE) test TESTS="--cov --cov-report=term:skip-covered"

test-live: $(STAMP)  ## real people in real servers: LiveKit, Janus, Prosody, Mumble; gets them if they are not there
	@tests/install_livekit.sh > /dev/null
	@tests/install_live.sh
	$(BIN)/python -m pytest tests/live

check: $(STAMP) docs  ## linters, types, the directions of imports, the prose, and the docs with their site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_layout.py tests/test_docs.py tests/test_prose.py

docs: $(STAMP)  ## the documentation site in build/site; fails on a broken link, an unknown anchor or a page outside the navigation
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean

docs-serve: $(STAMP)  ## the documentation site on http://127.0.0.1:8000, rebuilt whenever a page changes
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

screenshots: $(STAMP)  ## take the screenshots of the docs again, from a server with demo data
	UPDATE_SCREENSHOTS=1 $(BIN)/python -m pytest -q tests/system/dashboard/test_screenshots.py

mutate: $(STAMP)  ## mutation testing of the kernel and the engine: SAMPLE mutants drawn with SEED (0: all), table by module
	nice -n 15 $(BIN)/python tests/mutation/run.py --sample $(or $(SAMPLE),200) --seed $(or $(SEED),1) --minutes $(or $(MINUTES),60) $(MUTATE)

bench: $(STAMP)  ## the table of ratios against other ways to do it; takes a while
	$(BIN)/python bench/run.py $(BENCH)
	$(BIN)/python bench/ingest_api.py
	$(BIN)/python bench/ingest_batches.py
	@tests/install_servers.sh
	$(BIN)/python bench/ingest_postgres.py
	$(BIN)/python bench/query_api.py
	$(BIN)/python bench/usage.py
	$(BIN)/python bench/dashboard.py
	$(BIN)/python bench/query_datasette.py
	$(BIN)/python bench/starting.py
	$(BIN)/python bench/backup.py
	$(BIN)/python bench/large_room.py
	$(BIN)/python bench/late_events.py
	$(BIN)/python bench/stream.py
	$(BIN)/python bench/sources.py
	$(BIN)/python bench/webhooks.py

soak: $(STAMP)  ## the service under a steady mixed load for ten minutes, or SOAK_MINUTES; fails if anything grows
	$(BIN)/python bench/soak.py
	HEADCOUNT_LIVES=$${SOAK_LIVES:-30} $(BIN)/python -m pytest -q tests/system/service/test_differential.py

crash-test: $(STAMP)  ## the service killed 100 times under load and restored 20 times; fails if an event is lost or doubled
	$(BIN)/python bench/crashes.py

attack: $(STAMP)  ## 100,000 hostile requests on both databases, and what anybody can do to a service; about an hour
	@tests/install_servers.sh
	$(BIN)/python bench/attack.py $(ATTACK)

docs-reference: $(STAMP)  ## rewrite the generated parts of docs/reference
	cd tests && ../$(BIN)/python -m support.reference

format: $(STAMP)  ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove everything that was made
	rm -rf $(VENV) build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
