# Everything a newcomer, a developer and CI type. Needs Python 3.11 or newer and make; all else is put into .venv or,
# where the user may install system packages, fetched by tests/machine.py. No registry is named here: pip and npm use
# whatever the user has configured.

PYTHON ?= python3
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet --no-input

# Two more than there are cores: many tests wait for a server or a browser.
TEST_PROCESSES = $(shell $(PY) -c 'import os; print(min((os.cpu_count() or 1) + 2, 8))')

TYPES := $(VENV)/bin/mypy && $(VENV)/bin/lint-imports

PRODUCT := $(VENV)/.product
WORKSHOP := $(VENV)/.workshop
READERS := tests/js/node_modules/.package-lock.json

# The one thing asked of the machine. A virtual environment that is there already needs it no more.
NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "icalbridge needs Python 3.11 or newer as '$(PYTHON)'; name another with: make PYTHON=/path/to/python3"; exit 1; }

# Hundreds of tests start a process each: what is compiled once is kept, also where the machine's default is not to.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint style types bench soak screenshots messages lock clean machine

help:  ## this list
	@echo "icalbridge: pick a target, e.g. 'make demo'. Options are passed on: make demo ARGS='--port 9000'"
	@sed -n 's/^\([a-z]*\):.*##/  \1\t/p' Makefile

demo: $(PRODUCT)  ## the whole product against a simulated vendor, nothing to configure
	@$(PY) -m icalbridge demo $(ARGS)

# Types are checked beside the tests, since mypy uses one core for most of a minute at first.
test: style machine $(READERS)  ## lint, and every test (ARGS go to pytest)
	@checked=$$(mktemp) && trap 'rm -f "$$checked"' EXIT && \
	{ { $(TYPES); } >"$$checked" 2>&1 & } && types=$$! && \
	{ $(PY) -m pytest -n $(TEST_PROCESSES) --dist loadgroup -m "not soak" --ignore tests/benchmarks $(ARGS); \
	tests=$$?; wait $$types; typed=$$?; cat "$$checked"; exit $$((tests ? tests : typed)); }

lint: style types  ## ruff, mypy --strict and the import contracts

style: $(WORKSHOP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(WORKSHOP)
	$(TYPES)

bench: machine $(WORKSHOP)  ## how fast, as ratios measured side by side in one run
	$(PY) -m pytest tests/benchmarks -p no:randomly -s $(ARGS)

soak: machine $(READERS)  ## the long proofs
	@$(PY) tests/machine.py soak
	$(PY) -m pytest -m soak --ignore tests/benchmarks $(ARGS)
	$(PY) -m pytest -m soak tests/benchmarks/test_bench_day.py tests/benchmarks/test_bench_year.py -p no:randomly -s $(ARGS)

screenshots: machine $(READERS)  ## the documentation's pictures of each page and state
	$(PY) -m tests.screenshots

messages: $(WORKSHOP)  ## take the texts to translate out of the code into translations/es.po
	@scratch=$$(mktemp) && trap 'rm -f "$$scratch"' EXIT && \
	$(VENV)/bin/pybabel --quiet extract -F pyproject.toml -k marked --no-location --sort-output -o "$$scratch" . && \
	$(VENV)/bin/pybabel --quiet update -l es -i "$$scratch" -o icalbridge/web/translations/es.po \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120

lock:  ## write the lock files anew (ARGS=--upgrade for newer versions)
	@$(NEW_ENOUGH)
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(PYTHON) -m venv "$$scratch" && "$$scratch/bin/python" -m pip --disable-pip-version-check --quiet install uv && \
	compile="$$scratch/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes" && \
	compile="$$compile --no-emit-index-url --no-annotate --no-header pyproject.toml --extra postgresql" && \
	$$compile $(ARGS) -o requirements.txt && \
	$$compile $(ARGS) --group test -c requirements.txt -o tests/requirements.txt && \
	$(PYTHON) tests/machine.py fast-requirement | "$$scratch/bin/uv" pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header $(ARGS) \
		-o requirements-fast.txt -

clean:  ## remove everything that the other targets made
	rm -rf $(VENV) build dist tests/js/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

machine: $(PY)
	@$(PY) tests/machine.py tests
	@$(PY) tests/machine.py parser

$(PY):
	@$(NEW_ENOUGH)
	@$(PYTHON) tests/machine.py venv
	$(PYTHON) -m venv --clear $(VENV)

# A stamp is written only after pip ended well, so an interrupted installation is taken up again.
$(PRODUCT): requirements.txt | $(PY)
	@echo "Installing what icalbridge needs into $(VENV); this happens once."
	$(PIP) install --require-hashes -r requirements.txt
	@touch $@

$(WORKSHOP): tests/requirements.txt pyproject.toml | $(PY)
	@echo "Installing what the tests need into $(VENV); this happens once."
	$(PIP) install --require-hashes -r tests/requirements.txt
	$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@ $(PRODUCT)

$(READERS): tests/js/package.json tests/js/package-lock.json $(WORKSHOP)
	@$(PY) tests/machine.py npm
	@touch $@
