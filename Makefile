# make env | demo | test | lowest | check | docs | bench | gpu | mutants: each brings its environment itself, and is quick when nothing changed.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL ?= $(BIN)/python -m pip install --quiet --disable-pip-version-check

STAGE := printf '\n%s  %s\n' "$$(date +%H:%M:%S)"

.PHONY: env demo test lowest check docs bench gpu mutants clean
env: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "past needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --constraint constraints.txt --editable '.[test]'
	touch $@

demo: $(READY)  # each stage says when it begins
	@echo 'Seven stages, about eight minutes on two cores, all in $(DEMO)/'
	@$(STAGE) '1 of 7: a simulated tissue becomes shards'
	@$(BIN)/past shards synthetic --out $(DEMO)/shards
	@$(STAGE) '2 of 7: PAST is trained on them'
	@$(BIN)/python train.py experiment=demo output_root=$(DEMO)/runs run_id=demo data.root=$(DEMO)/shards
	@$(STAGE) '3 of 7: PAST is judged: does an image find its transcriptome?'
	@$(BIN)/python evaluate.py task=retrieval output_root=$(DEMO)/runs name=demo run_id=demo
	@$(BIN)/past report $(DEMO)/runs/demo/demo
	@$(STAGE) '4 of 7: the same tissue as slides, and STPath is trained on them'
	@$(BIN)/past shards slides $(DEMO)/shards --organ breast --encoder colour --out $(DEMO)/slides
	@$(BIN)/python train.py experiment=stpath_demo output_root=$(DEMO)/runs run_id=demo data.root=$(DEMO)/slides
	@$(STAGE) '5 of 7: STPath is judged: how well does it fill in expression?'
	@$(BIN)/python evaluate.py task=zero_shot output_root=$(DEMO)/runs name=stpath_demo run_id=demo
	@$(BIN)/python evaluate.py task=imputation output_root=$(DEMO)/runs name=stpath_demo run_id=demo
	@$(BIN)/past report $(DEMO)/runs/stpath_demo/demo
	@$(STAGE) '6 of 7: a simulated whole slide, 12,288 px wide'
	@test -e $(DEMO)/slide.tiff || $(BIN)/past synthetic-slide --out $(DEMO)/slide.tiff
	@$(STAGE) '7 of 7: STPath predicts every tile of it'
	@$(BIN)/past predict $(DEMO)/slide.tiff --encoder colour --weights $(DEMO)/runs/stpath_demo/demo/checkpoints/last.ckpt \
		--organ Breast --technology Xenium --out $(DEMO)/predicted
	@$(BIN)/past report $(DEMO)/predicted/slide.h5ad
	@$(STAGE) 'done; open these:'
	@echo '$(DEMO)/runs/demo/demo/report.html'
	@echo '$(DEMO)/runs/stpath_demo/demo/report.html'
	@echo '$(DEMO)/predicted/slide.html'

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
