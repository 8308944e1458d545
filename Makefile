# make env | demo | test | lowest | check | docs | bench | gpu | mutants: each brings its environment itself, and is quick when nothing changed.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL ?= $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: env demo test lowest check docs bench gpu mutants clean
env: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "past needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --constraint constraints.txt --editable '.[test]'
	touch $@

demo: $(READY)
	$(BIN)/past shards synthetic --out $(DEMO)/shards
	$(BIN)/python train.py experiment=demo output_root=$(DEMO)/runs run_id=demo data.root=$(DEMO)/shards
	$(BIN)/python evaluate.py task=retrieval output_root=$(DEMO)/runs name=demo run_id=demo
	$(BIN)/past report $(DEMO)/runs/demo/demo
	$(BIN)/past shards slides $(DEMO)/shards --organ breast --encoder colour --out $(DEMO)/slides
	$(BIN)/python train.py experiment=stpath_demo output_root=$(DEMO)/runs run_id=demo data.root=$(DEMO)/slides
	$(BIN)/python evaluate.py task=zero_shot output_root=$(DEMO)/runs name=stpath_demo run_id=demo
	$(BIN)/python evaluate.py task=imputation output_root=$(DEMO)/runs name=stpath_demo run_id=demo
	$(BIN)/past report $(DEMO)/runs/stpath_demo/demo
	test -e $(DEMO)/slide.tiff || $(BIN)/past synthetic-slide --out $(DEMO)/slide.tiff
	$(BIN)/past predict $(DEMO)/slide.tiff --encoder colour --weights $(DEMO)/runs/stpath_demo/demo/checkpoints/last.ckpt \
		--organ Breast --technology Xenium --out $(DEMO)/predicted
	$(BIN)/past report $(DEMO)/predicted/slide.h5ad
	@echo 'Open $(DEMO)/runs/demo/demo/report.html, $(DEMO)/runs/stpath_demo/demo/report.html and $(DEMO)/predicted/slide.html'

test: $(READY)  # coverage is of what runs within; what starts processes of its own comes after
	$(BIN)/python -m pytest --numprocesses auto --cov --cov-report=term:skip-covered --cov-fail-under=85 \
		tests/unit tests/config tests/hostile tests/test_imports.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadgroup \
		tests/distributed tests/docs tests/integration tests/slurm

lowest: $(READY)  # the core alone, without extras, in the lowest versions that pyproject.toml allows: its tests hold with them too
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/lowest
	$(BIN)/uv pip install --quiet --python $(VENV)/lowest/bin/python --resolution lowest-direct --editable . \
		'pytest>=8' 'pytest-xdist>=3.6' 'hypothesis>=6.100'
	$(VENV)/lowest/bin/python -m pytest --quiet --numprocesses auto tests/config tests/unit/test_config.py \
		tests/unit/checkpoints tests/unit/models/stpath tests/unit/nn tests/unit/training

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	for file in .ci/run slurm/*; do bash -n $$file || exit 1; done
	if command -v shellcheck; then shellcheck .ci/run slurm/*; else echo 'no shellcheck: the scripts are only parsed'; fi

docs: $(READY)  # without the network; a warning is an error
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs docs/_build
	@echo 'Open docs/_build/index.html'

bench: $(READY)
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

gpu:  # what only a GPU can show, by the Python given: make gpu PYTHON=python; without a GPU it is only tried
	PYTHONPATH=. $(PYTHON) benchmarks/gpu.py

mutants: $(READY)  # faults made on purpose, and whether the tests notice: takes about an hour
	$(BIN)/python tests/mutants.py

clean:
	rm -rf $(VENV) $(DEMO)
