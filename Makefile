# Everything a newcomer or CI needs: make demo, make test, make lint, make lowest, make espnet2, make docs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
RECIPE := recipes/digits/asr

LOWEST := .venv-lowest
USED_WITH_LOWEST := tests/golden/test_golden.py tests/recipes/test_recipes.py tests/recipes/test_digits_phases.py \
	tests/recipes/test_digits_search.py \
	tests/schemas tests/runtime/data/test_audio.py tests/runtime/metrics tests/runtime/process/test_dask_workers.py \
	tests/runtime/process/test_sbatch.py tests/runtime/publication/test_hub.py tests/runtime/stages/test_pack_demo.py \
	tests/runtime/publication/test_upload.py tests/runtime/training/test_train.py tests/recipes/test_wav2vec2.py \
	tests/compiler/lsp

ESPNET2 := .venv-espnet2
USED_WITH_ESPNET2 := tests/recipes/test_recipes.py tests/recipes/test_wav2vec2.py tests/runtime/task_bridge \
	tests/runtime/training/test_trackers.py tests/runtime/metrics/test_audio_metrics.py tests/docs/test_guides.py

.PHONY: demo test lowest espnet2 lint golden docs clean

demo: $(VENV)/demo.stamp  ## compile and run recipes/digits/asr to its word error rate
	$(BIN)/espnet3-compile $(RECIPE)/recipe.yaml
	$(BIN)/python $(RECIPE)/build/run.py --stages all

test: $(VENV)/test.stamp  ## run the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

lowest: $(LOWEST)/test.stamp  ## run recipes and what touches other packages with the lowest versions of these
	$(LOWEST)/bin/python -m pytest -n 2 --dist worksteal -k 'not ruff and not mypy' $(USED_WITH_LOWEST)

espnet2: $(ESPNET2)/test.stamp  ## run what uses ESPnet2, transformers, W&B or MLflow with the real ones
	$(ESPNET2)/bin/python -m pytest -n 2 --dist worksteal -k 'espnet2 or task_bridge or wav2vec2 or hugging_face or trackers or audio_metrics' $(USED_WITH_ESPNET2)

lint: $(VENV)/test.stamp  ## formatting, rules, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

golden: $(VENV)/test.stamp  ## rewrite golden builds, editor schemas and reference pages; review the diff
	$(BIN)/python -m tests.golden.update
	$(BIN)/python -m espnet3_schemas.editor
	$(BIN)/python docs/build_reference.py

docs: $(VENV)/docs.stamp  ## build the site: site/index.html, to be read from the disk or from any server
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

$(VENV)/demo.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[runtime,asr,digits]'
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[runtime,asr,digits,parallel,demo,hub,export,metrics,completion,docs,lsp,dev]'
	touch $@ $(VENV)/demo.stamp $(VENV)/docs.stamp

$(VENV)/docs.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[docs]'
	touch $@

$(LOWEST)/test.stamp: pyproject.toml constraints.txt .ci/lowest_versions.py .ci/lowest_others.txt
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python .ci/lowest_versions.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
		--constraint $(LOWEST)/constraints.txt --editable '.[runtime,asr,digits,parallel,demo,hub,export,search,hf,lsp,completion]' \
		pytest pytest-timeout pytest-xdist hypothesis
	touch $@

$(ESPNET2)/test.stamp: pyproject.toml constraints.txt
	test -x $(ESPNET2)/bin/python || $(PYTHON) -m venv $(ESPNET2)
	$(ESPNET2)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[runtime,asr,digits,hf,metrics,espnet2]' pytest pytest-timeout pytest-xdist hypothesis
	$(ESPNET2)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps espnet==202511
	$(ESPNET2)/bin/python -m pip install --quiet --disable-pip-version-check wandb==0.31.0 mlflow-skinny==3.17.2 \
		pyworld-prebuilt==0.3.6.post1
	touch $@

clean:  ## remove the virtual environment and everything the recipes made
	rm -rf $(VENV) $(LOWEST) $(ESPNET2) .venv-others recipes/*/*/build recipes/*/*/data recipes/*/*/exp site
