# Everything a newcomer or CI needs: make demo, make test, make lint.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
RECIPE := recipes/digits/asr

.PHONY: demo test lint golden clean

demo: $(VENV)/demo.stamp  ## compile and run recipes/digits/asr to its word error rate
	$(BIN)/espnet3-compile $(RECIPE)/recipe.yaml
	$(BIN)/python $(RECIPE)/build/run.py --stages all

test: $(VENV)/test.stamp  ## run the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/test.stamp  ## formatting, rules, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

golden: $(VENV)/test.stamp  ## rewrite golden builds, editor schemas and reference pages; review the diff
	$(BIN)/python -m tests.golden.update
	$(BIN)/python -m espnet3_schemas.editor
	$(BIN)/python docs/build_reference.py

$(VENV)/demo.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[runtime,asr,digits]'
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[runtime,asr,digits,parallel,demo,hub,export,dev]'
	touch $@ $(VENV)/demo.stamp

clean:  ## remove the virtual environment and everything the recipes made
	rm -rf $(VENV) recipes/*/*/build recipes/*/*/data recipes/*/*/exp
