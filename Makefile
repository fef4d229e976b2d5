# The two commands: `make run` and `make test`. Both build the environment in .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
CASE ?= campaign

.PHONY: help run test fast lint types bench chaos vendor system-packages clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

run: $(RUNTIME) ## Start everything: broker, web, workers, scheduler; prints address and first password
	@exec $(BIN)/python -m worker.supervisor

test: $(DEVELOPMENT) system-packages lint types ## Linters, types, import contracts, all tests
	$(BIN)/pytest -n $$(($$(nproc) + 1))

fast: $(DEVELOPMENT) ## The tests of one folder on SQLite alone: make fast T=tests/dashboard/campaigns
	$(BIN)/pytest -q --database sqlite $(T)

lint: $(DEVELOPMENT) ## ruff, djlint, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --quiet --lint dashboard/templates
	$(BIN)/lint-imports

types: $(DEVELOPMENT) ## mypy, strict
	$(BIN)/mypy

bench: $(DEVELOPMENT) system-packages ## Timings: make bench CASE=campaign N=20000 SIZE=10240 DB=sqlite; CASE=all for all
	$(BIN)/python -m tests.bench $(CASE)

chaos: $(DEVELOPMENT) ## Kill processes at random and print the totals: make chaos RUNS=100 DB=sqlite
	$(BIN)/python -m tests.chaos

vendor: ## Fetch and build the front-end files of static/vendor again (needs npm)
	tools/vendor/build.sh

system-packages: ## What browser tests and benches need from Debian, where it is missing and may be installed
	@tools/system-packages.sh

clean: ## Remove the environment (never the data in var/)
	rm -rf $(VENV)

$(RUNTIME): requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEVELOPMENT): requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(RUNTIME) $@
