# Start with `make run` and `make test`. `make help` lists all targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What serving needs is installed by `make run`, the rest by the other targets into the same environment.
SERVING := $(VENV)/.serving
STAMP := $(VENV)/.installed
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := build/demo
# What `make dist` builds besides the wheel and the sdist.
PACKAGES ?= deb image
# Two workers per processor: while one waits for a server or for a deadline of a rule, the other computes.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install run cluster tour test test-fast coverage test-live test-cluster check typescript docs docs-serve docs-reference screenshots mutate bench bench-cluster bench-container bench-install soak crash-test attack image deb dist format upgrade-fixture clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(SERVING): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Headcount needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Installing Headcount into $(VENV). This takes about half a minute ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $(SERVING)

$(STAMP): $(SERVING)
	@echo "Installing development tools into $(VENV). This takes about a minute ..."
	@$(PIP) --editable '.[dev]'
	@touch $(STAMP)

install: $(STAMP)  ## create a virtual environment with Headcount and its development tools

run: $(SERVING)  ## run the server with demo data: live rooms and some days of history
	@mkdir -p $(DEMO)
	@$(BIN)/headcount demo --database $(DEMO)/headcount.db --webhook-allowed-networks 127.0.0.0/8

cluster:  ## run a cluster on this machine with demo data: Kafka, Spark, PostgreSQL and a server
	@tests/install_postgres.sh
	@PYTHON=$(PYTHON) tests/install_cluster.sh
	@cd tests && ../build/cluster/venv/bin/python -m support.cluster_demo

tour: $(STAMP)  ## derive meetings from a capture of Jitsi and from a generated sample
	@mkdir -p $(DEMO)
	@$(BIN)/headcount tour --jitsi tests/captures/prosody-0.12.3-event-sync.jsonl --sample $(DEMO)/sample.parquet

test: $(STAMP)  ## run all tests; installs PostgreSQL, browsers, Node.js libraries and further Pythons if they are missing
	@tests/install_servers.sh
	@tests/install_containers.sh
	@tests/install_deploy.sh
	@tests/install_duckdb.sh
	@tests/install_node.sh
	@tests/install_pythons.sh
	@tests/install_monitoring.sh
	$(PYTEST) --ignore=tests/live --ignore=tests/spark $(TESTS)

test-fast: $(STAMP)  ## run the tests that need no server, no browser and no other process
	$(PYTEST) --ignore=tests/live --ignore=tests/spark --ignore=tests/system -m "not process" $(TESTS)

coverage: $(STAMP)  ## run all tests, and list the lines that no test reaches
	@$(MAKE) test TESTS="--cov --cov-report=term:skip-covered"

test-live: $(STAMP)  ## run tests with real LiveKit, Janus, Prosody and Mumble servers; installs them if they are missing
	@tests/install_livekit.sh > /dev/null
	@tests/install_live.sh
	$(BIN)/python -m pytest tests/live

test-cluster: $(STAMP)  ## run tests with real Kafka, Spark and PostgreSQL servers; installs them if they are missing
	@tests/install_servers.sh
	@tests/install_cluster.sh
	build/cluster/venv/bin/python -m pytest -q tests/spark $(TESTS)

check: $(STAMP) docs  ## run linters, types, import layers, the prose lint, and the checks of the docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_layout.py tests/test_docs.py tests/test_prose.py

typescript: $(STAMP)  ## generate the types of the TypeScript client from the OpenAPI document, and build it in clients/typescript/dist
	@tests/install_node.sh
	@cd tests && ../$(BIN)/python -m support.typescript_client

docs: $(STAMP)  ## build the documentation site in build/site; fails on a broken link or anchor, or an unlisted page
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean

docs-serve: $(STAMP)  ## serve the documentation site on http://127.0.0.1:8000, and rebuild it when a page changes
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

screenshots: $(STAMP)  ## take the screenshots of the docs again, from a server with demo data
	UPDATE_SCREENSHOTS=1 $(BIN)/python -m pytest -q tests/system/dashboard/test_screenshots.py

mutate: $(STAMP)  ## run mutation tests of the kernel and the engine (SAMPLE=200, 0 for all; SEED=1)
	nice -n 15 $(BIN)/python tests/mutation/run.py --sample $(or $(SAMPLE),200) --seed $(or $(SEED),1) --minutes $(or $(MINUTES),60) $(MUTATE)

bench: $(STAMP)  ## run all benchmarks, and print their tables and that of the key figures
	$(BIN)/python bench/figures.py --clear
	$(BIN)/python bench/run.py $(BENCH)
	$(BIN)/python bench/first_command.py --run
	$(BIN)/python bench/engine.py
	$(BIN)/python bench/ingest_api.py
	$(BIN)/python bench/ingest_batches.py
	@tests/install_servers.sh
	$(BIN)/python bench/ingest_postgres.py
	$(BIN)/python bench/query_api.py
	$(BIN)/python bench/query_datasette.py
	$(BIN)/python bench/mcp_tools.py
	$(BIN)/python bench/attribute_lists.py
	$(BIN)/python bench/access_log.py
	$(BIN)/python bench/usage.py
	$(BIN)/python bench/dashboard.py
	$(BIN)/python bench/together.py
	$(BIN)/python bench/starting.py
	$(BIN)/python bench/backup.py
	$(BIN)/python bench/large_room.py
	$(BIN)/python bench/late_events.py
	$(BIN)/python bench/stream.py
	$(BIN)/python bench/sources.py
	$(BIN)/python bench/webhooks.py
	$(BIN)/python bench/erasure.py
	@tests/install_duckdb.sh
	$(BIN)/python bench/export.py
	$(BIN)/python bench/figures.py

bench-cluster: $(STAMP)  ## measure a cluster on this machine: Kafka, Spark and PostgreSQL
	@tests/install_servers.sh
	@tests/install_cluster.sh
	build/cluster/venv/bin/python bench/cluster.py
	build/cluster/venv/bin/python bench/cluster_backfill.py

bench-install: $(STAMP)  ## measure installing with pip and uvx, from local wheels, beside Datasette
	@tests/install_pythons.sh
	$(BIN)/python bench/install.py $(BENCH)

bench-container: $(STAMP)  ## measure the start of a container, and the size of the image
	@tests/install_containers.sh
	$(BIN)/python bench/container.py $(BENCH)

soak: $(STAMP)  ## run the server under a mixed load for SOAK_MINUTES (default: 10); fails if memory grows or an event is lost
	$(BIN)/python bench/soak.py
	HEADCOUNT_LIVES=$${SOAK_LIVES:-30} $(BIN)/python -m pytest -q tests/system/service/test_differential.py

crash-test: $(STAMP)  ## kill the server 100 times under load, and restore it 20 times; fails if an event is lost or duplicated
	$(BIN)/python bench/crashes.py

attack: $(STAMP)  ## send 100,000 hostile requests to a server on each database; takes about an hour
	@tests/install_servers.sh
	$(BIN)/python bench/attack.py $(ATTACK)

image:  ## build the container image, and write dist/headcount-VERSION-image.tar (BASE=IMAGE, EXTRAS=a,b; WHEELS=3.13: no network in the build)
	@PYTHON=$(PYTHON) deploy/image/build.sh

deb: $(SERVING)  ## build the Debian package, and write dist/headcount_VERSION_ARCH.deb
	@$(BIN)/python deploy/debian/build.py

dist: $(SERVING)  ## build the wheel, the sdist, the Debian package and the image, and write dist/SHA256SUMS; the same bytes each time
	@rm -f dist/headcount[-_]* dist/SHA256SUMS
	@$(PIP) hatchling
	@export SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} && \
	$(BIN)/python -m hatchling build -t sdist -t wheel -d dist && \
	for package in $(PACKAGES); do $(MAKE) --no-print-directory $$package || exit 1; done
	@cd dist && sha256sum headcount[-_]* > SHA256SUMS && cat SHA256SUMS

upgrade-fixture: $(STAMP)  ## store databases of this version, which later versions must open (VERSION=0.1.0)
	@tests/install_postgres.sh
	cd tests && ../$(BIN)/python -m upgrades.make $(VERSION)

docs-reference: $(STAMP)  ## rewrite the generated parts of docs/reference
	cd tests && ../$(BIN)/python -m support.reference

format: $(STAMP)  ## format the code and fix lint findings
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the virtual environment, build results and caches
	rm -rf $(VENV) build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
