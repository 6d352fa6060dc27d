# Two commands do everything: `make demo` and `make test`. Both need Python 3.11 or newer, make, and nothing else.

PYTHON ?= python3
ARGS   ?=
BIN    := .venv/bin
READY  := .venv/.ready

.PHONY: help demo test storm bench bench-sync psql lint clean
.DEFAULT_GOAL := help

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): tests/requirements.txt $(wildcard clerk_sync/settings/env_file.py)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	$(BIN)/python -m clerk_sync.settings.env_file
	@touch $@

demo: $(READY) ## Play the first sign-in from end to end, then stay up; ARGS=--once ends by itself
	$(BIN)/python -m clerk_sync.demo $(ARGS)

test: $(READY) ## Run every test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

storm: $(READY) ## Storm the mirror and hold it against Clerk; ARGS="--deliveries 100000 --seed 1"
	$(BIN)/python -m tests.chaos $(ARGS)

bench: $(READY) ## Measure the service beside its floors; ARGS="--quick --markdown"
	$(BIN)/python -m bench.web $(ARGS)

bench-sync: $(READY) ## Measure sync beside COPY and one request after another; ARGS="--quick --million"
	$(BIN)/python -m bench.sync $(ARGS)

psql: $(READY) ## Open a shell on the development database
	$(BIN)/python -m clerk_sync.demo.psql $(ARGS)

lint: $(READY) ## Check types, style and the walls between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## Remove the virtual environment and the development data
	rm -rf .venv instance
