# From a clean checkout with only Python (3.10 to 3.13) and make: `make demo`. PYTHON=python3.12 chooses another one.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all fuzz check bench bench-parts format defaults picture clean install dev

# what a user needs, and what a developer needs too
install: .venv/installed
dev: .venv/developing

# the stamps are made last: an installation that failed is tried again
.venv/installed: pyproject.toml constraints.txt setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/developing: pyproject.toml constraints.txt setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch .venv/installed $@

demo: install
	BIN=$(BIN) bash samples/demo.sh

# one process a processor, at most four, with one thread for the libraries in each; a file of tests stays in one
test: dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

# the slow tests too, such as those with a real window
test-all: dev
	$(BIN)/python -m pytest -m "slow or not slow"

# process, compare, evaluate, synth and export on damaged and odd inputs, with limits on time and memory; ends with a table and the seeds of faults
MINUTES ?= 60
fuzz: dev
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python tests/fuzz/hour.py --minutes $(MINUTES)

check: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy tracker

format: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

defaults: dev
	$(BIN)/python configs/document.py

# one table: whole runs beside decoding and encoding alone, a user's script and other libraries
# norfair 2.3 asks for numpy below 2 and runs with newer: `pip install --no-deps norfair` adds its row
bench: dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/speed.py

# lane slots alone by pixels and objects, the start, long runs, scoring
bench-parts: dev
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/lane_cost.py
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/scoring.py

# the moving picture of the README
picture: install
	$(BIN)/python samples/picture.py docs/tracker.gif

clean:
	rm -rf .venv build dist *.egg-info networks/build networks/*.egg-info .pytest_cache .mypy_cache .ruff_cache samples/out
	find tracker tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
