# make study   installs, runs the main job and says where its report is
# make test    installs what the tests need, then checks style, types and behaviour
# make test-all   the same with the checks marked slow
# make bench   installs the peers and measures speed beside them; the tables are written to benchmarks/results

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUDY ?= benchmarks/studies/first_look.toml
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: study test test-all lint bench chromium
.DELETE_ON_ERROR:

study: $(VENV)/installed
	$(BIN)/celegans-nn study run $(STUDY)

test: $(VENV)/installed-dev chromium lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-all: $(VENV)/installed-dev chromium lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"
	$(BIN)/python -m pytest --nbmake --nbmake-timeout 1200 notebooks

bench: $(VENV)/installed-bench
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/peers/rewiring.py
	OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/peers/gradient.py
	OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/peers/population.py
	OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/peers/population_cost.py

# The report is tested in a browser that Debian packages: install it when we may, else say how; its tests fail without
chromium:
	@{ command -v chromium && command -v chromedriver; } >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium chromium-driver; } || \
	  echo 'The report is tested in Chromium; run: sudo apt-get install chromium chromium-driver'

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'celegans_nn needs Python 3.11 or newer; run: make PYTHON=python3.11 $(MAKECMDGOALS)'; exit 2; }
	@# Debian keeps venv's pip in a package of its own: install it when we may, else say how
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || \
	  { echo 'Python cannot make virtual environments here; run: sudo apt-get install python3-venv'; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Each stamp stands for one set of packages, and is remade only when pyproject.toml changes.
$(VENV)/installed: pyproject.toml | $(VENV)/pip
	$(BIN)/pip install --quiet --progress-bar off -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/pip
	$(BIN)/pip install --quiet --progress-bar off -e '.[dev]'
	@touch $(VENV)/installed $@

$(VENV)/installed-bench: pyproject.toml | $(VENV)/pip
	$(BIN)/pip install --quiet --progress-bar off -e '.[bench]'
	@touch $(VENV)/installed $@
