# `make demo` and `make test` need Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
ARGS   ?=
BIN    := .venv/bin
READY  := .venv/.ready

.PHONY: help demo test storm bench bench-sync psql lint clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): tests/requirements.txt $(wildcard clerk_sync/settings/env_file.py)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	$(BIN)/python -m clerk_sync.settings.env_file
	@touch $@

demo: $(READY) ## Show the first sign-in from end to end, then keep running; ARGS=--once exits
	$(BIN)/python -m clerk_sync.demo $(ARGS)

# Tests wait more than they compute: four processes for two cores. Without compiled files each of them would take five
# seconds longer to collect the tests, so an environment that forbids them does not apply here.
test: $(READY) ## Run every test; CI=1 draws more examples in property tests
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 4 --dist worksteal $(ARGS)

storm: $(READY) ## Load the mirror under faults, then compare it with Clerk; ARGS="--deliveries 100000 --seed 1"
	$(BIN)/python -m tests.chaos $(ARGS)

bench: $(READY) ## Measure the service, and the floors it is compared with; ARGS="--quick --markdown"
	$(BIN)/python -m bench.web $(ARGS)

bench-sync: $(READY) ## Measure sync, COPY and sequential requests; ARGS="--quick --million"
	$(BIN)/python -m bench.sync $(ARGS)

psql: $(READY) ## Open psql on the development database
	$(BIN)/python -m clerk_sync.demo.psql $(ARGS)

lint: $(READY) ## Check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove the virtual environment and the development data
	rm -rf .venv instance
