# Two commands do all: `make demo` and `make test`. They need git, make and Python 3.11 or newer, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
CODE := engine actions triggers connections tests benchmarks docs
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock" pyproject.toml --group build

# Read by every Python that may answer to this name, from 2.7 on: prints what is wrong with it, or nothing.
define TRY_PYTHON
import sys; \
here = "$(PYTHON) here is " + ".".join(map(str, sys.version_info[:3])); \
has = lambda name: __import__("importlib.util").util.find_spec(name); \
print("rulewheel needs Python 3.11 or newer; " + here + ". If a newer one is installed, name it: make PYTHON=python3.12" \
if sys.version_info < (3, 11) else "" if has("venv") and has("ensurepip") \
else "rulewheel needs the modules venv and pip of Python; " + here + " without them. On Debian and Ubuntu: apt install python3-venv")
endef
NO_PYTHON := rulewheel needs Python 3.11 or newer; there is no $(PYTHON) here. If it has another name: make PYTHON=python3.12
python_trouble = $(shell $(PYTHON) -c '$(TRY_PYTHON)' 2>/dev/null || echo '$(NO_PYTHON)')

.DEFAULT_GOAL := help
.PHONY: help demo install test promises coverage bench kills lock clean

help: ## Show what make can do here
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo: $(VENV)/.installed ## Install into .venv (once), then show a rule at work
	@$(BIN)/rulewheel demo

install: $(VENV)/.installed ## Install into .venv; afterwards there is .venv/bin/rulewheel

test: $(VENV)/.installed-dev ## Style, types, and all tests with the proof of the layers
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy --strict $(CODE)
	@$(BIN)/pytest

coverage: $(VENV)/.installed-dev ## Run the tests and print the branches that none of them takes
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage report --include 'engine/*' --fail-under 95
	@$(BIN)/coverage report

bench: $(VENV)/.installed-dev ## Print every other figure: webhooks beside a peer, idle, check, journal, rules, sleeping (some 10 minutes)
	@for figure in webhook idle check journal rules sleeping; do $(BIN)/python -m benchmarks.$$figure || exit 1; done

kills: $(VENV)/.installed-dev ## Kill the daemon 200 times while 2,000 events come in (some 3 minutes)
	@$(BIN)/python -m benchmarks.kills

promises: $(VENV)/.installed-dev ## Print the table of promises, each put to the proof (some 20 minutes)
	@$(BIN)/python -m tests.promises

lock: ## Write both lock files anew (needs uv)
	@$(COMPILE) --output-file requirements.lock
	@$(COMPILE) --extra dev --extra bench --constraint requirements.lock --output-file requirements-dev.lock

clean: ## Remove .venv and everything that tools left behind
	@rm -rf $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache build dist
	@find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} +

# An interpreter that was removed or replaced since counts as none: everything is installed again.
ifneq ($(shell $(BIN)/python -c 'print("sound")' 2>/dev/null),sound)
.PHONY: $(BIN)/python
endif

$(BIN)/python:
	@$(if $(python_trouble),$(error $(python_trouble)))
	@echo "Installing into $(VENV); the first time takes about 20 seconds."
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.installed: $(BIN)/python requirements.lock pyproject.toml
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@
