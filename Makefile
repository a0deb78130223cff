# `make run` and `make test` are all that is needed; the rest is for working on twostep.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV = $(shell command -v uv || echo .venv-uv/bin/uv)
COMPILE = $(UV) pip compile -q --universal --generate-hashes --python-version 3.11

.PHONY: run test setup setup-dev train check clean lock encoder bench screenshots
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: setup  ## install what is missing, train, migrate, serve on http://127.0.0.1:8000
	@$(BIN)/twostep serve

test: setup-dev check train  ## lint, types, layers, tests (a process a core, four at most)
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

setup: $(VENV)/.installed  ## the environment that serving needs

setup-dev: $(VENV)/.installed-dev  ## the same with the test tools

train: setup  ## train the model if its data changed
	@$(BIN)/twostep train

check: setup-dev  ## lint, types and layers, without the tests
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:  ## remove the environment, the model and the embedded database
	rm -rf $(VENV) .venv-uv .twostep models/twostep.tar.gz models/trained.json *.egg-info

lock: setup  ## resolve the dependencies of pyproject.toml again
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

screenshots: setup-dev  ## pictures of every state of chat and pages, into screenshots/
	@$(BIN)/python -m tests.browser.screenshots

encoder:  ## fine-tune the sentence encoder again (PyTorch, minutes; bot/nlu/encoder/README.md)
	@$(PYTHON) -m venv .venv-encoder
	@.venv-encoder/bin/python -m pip install -q -r bot/nlu/encoder/requirements.txt
	@.venv-encoder/bin/python -m bot.nlu.encoder.train

bench: setup-dev train  ## measure a message from door to door; STOCK=FOLDER beside stock Rasa (tests/benchmarks)
	@$(BIN)/python -m tests.benchmarks $(if $(STOCK),--stock $(STOCK))

$(VENV)/.installed: requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) ./setup.sh requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml
	@PYTHON=$(PYTHON) ./setup.sh requirements-dev.lock
	@touch $@ $(VENV)/.installed
