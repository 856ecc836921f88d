# `make help` lists what can be done here. Everything runs in .venv, which is made when first needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
DEMO   := demo
VIDEO  ?= $(DEMO)/big_buck_bunny.mp4
# A file's tests run in one process, so that what they share is made once.
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder

# Bytecode is kept: tests start the command hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-backbones test-browser test-ray bench-studio lint format coverage mutants audit docs \
        check-release bench growth train-default table reproduce-quick fuzz faults clean

help: ## show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

demo: $(VENV)/.installed $(VIDEO) ## summarize a real film (VIDEO=path for another)
	@mkdir -p $(DEMO)
	$(BIN)/summdiff summarize "$(VIDEO)" -o $(DEMO) --formats mp4,json,html,sheet --overwrite
	@echo "Watch the .summary.mp4 above; the .html beside it is its report with the curve; scores, shots and settings are in the .json."

test: $(VENV)/.installed-dev ## run the default tests
	$(BIN)/python -m pytest $(WORKERS)

test-slow: $(VENV)/.installed-dev ## run the slow tests as well
	$(BIN)/python -m pytest $(WORKERS) -m "slow or not slow"

test-backbones: $(VENV)-backbones/.installed ## run the tests of the optional backbones (torchvision, timm)
	$(VENV)-backbones/bin/python -m pytest -n 2 tests/research/backbones

test-browser: $(VENV)/.installed-dev ## run the tests of studio and report in a real Chromium, installing one where apt can
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { apt-get update && apt-get install --yes --no-install-recommends chromium; } || \
	  echo "No Chromium could be installed: the tests will skip. Install one by hand."
	$(PIP) install --constraint constraints.txt --editable ".[dev,browser]"
	npm install --prefix . --no-save --silent axe-core || echo "axe-core could not be installed: its tests will skip."
	$(BIN)/python -m pytest -n 1 tests/web tests/export -m browser

test-ray: $(VENV)/.installed-dev ## run the tests of archives on a Ray cluster of two nodes, which it starts on this machine
	$(PIP) install --constraint constraints.txt --editable ".[dev,ray]"
	$(BIN)/python -m pytest -n 0 -rP tests/archive/test_ray.py -m slow

bench-studio: $(VENV)/.installed-dev ## measure how soon the page follows the drag of a two-hour film's budget
	$(PIP) install --constraint constraints.txt --editable ".[dev,browser]"
	$(BIN)/python benchmarks/studio.py

lint: $(VENV)/.installed-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## let ruff lay out the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The modules that everything rests on, by their own tests alone: what other tests happen to run does not count.
coverage: $(VENV)/.installed-dev ## share of the pure parts' lines that their tests run; at least 90 % or it fails
	$(BIN)/python -m pytest -n 2 tests/metrics tests/segmentation tests/selection tests/scoring tests/test_summary.py \
	  tests/test_summary_json.py \
	  --cov=summdiff.metrics --cov=summdiff.segmentation --cov=summdiff.selection --cov=summdiff.scoring \
	  --cov=summdiff.summary --cov=summdiff.summary_json --cov-report=term-missing:skip-covered --cov-fail-under=90

mutants: $(VENV)/.installed-dev ## change metrics, segmentation, knapsack and diffusion in many places; do tests notice? (half an hour)
	$(BIN)/mutmut run --max-children 2
	$(BIN)/python scripts/mutation_table.py

audit: $(VENV)/.installed-dev ## known weaknesses of the code (bandit) and of the pinned dependencies (pip-audit)
	$(PIP) install --constraint constraints.txt --editable ".[dev,audit]"
	$(BIN)/python scripts/audit.py

docs: $(VENV)/.installed-dev ## build the documentation as a site, strictly, into site/
	$(PIP) install --constraint constraints.txt --editable ".[dev,docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check-release: $(VENV)/.installed-dev ## build the release and use it in empty environments (some fifteen minutes)
	$(BIN)/python scripts/check_release.py

bench: $(VENV)/.installed-dev $(VIDEO) ## measure speed against named alternatives (an hour on an idle machine)
	$(PIP) install --constraint constraints.txt --editable ".[dev,bench]"
	$(BIN)/python benchmarks/suite.py "$(VIDEO)"

growth: $(VENV)/.installed-dev ## measure how time and memory grow, into results/growth
	$(BIN)/python benchmarks/growth.py

train-default: $(VENV)/.installed-dev ## train the shipped model again from TVSum (see docs/default-model.md)
	$(BIN)/summdiff train default

table: $(VENV)/.installed-dev ## train and compare all systems on TVSum (some four hours; continues where it stopped)
	$(BIN)/summdiff reproduce tvsum_systems f1_offset --seeds 0,1,2 --processes 2

reproduce-quick: $(VENV)/.installed-dev ## a tiny version of every table and figure of the paper, in minutes
	$(BIN)/summdiff reproduce all --quick

fuzz: $(VENV)/.installed-dev ## give nasty and changed files to everything that reads files (a quarter of an hour; docs/trust.md)
	$(BIN)/python scripts/fuzz.py --what corpus command
	$(BIN)/python scripts/fuzz.py --what video --cases 5000
	$(BIN)/python scripts/fuzz.py --what h5 json --cases 20000
	$(BIN)/python scripts/fuzz.py --what recipe model cache --cases 1000

faults: $(VENV)/.installed-dev ## kill commands, fill disks, change files while they are read (ten minutes; docs/trust.md)
	$(BIN)/python scripts/faults.py

clean: ## remove the environments and the demo
	rm -rf $(VENV) $(VENV)-backbones $(DEMO) site mutants

$(DEMO)/big_buck_bunny.mp4: scripts/fetch_demo_film.py | $(VENV)/.installed
	@mkdir -p $(DEMO)
	$(BIN)/python scripts/fetch_demo_film.py $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

# An environment of its own: PyPI's torchvision beside a CPU build of torch breaks the import of other libraries.
$(VENV)-backbones/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-backbones
	$(VENV)-backbones/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	$(VENV)-backbones/bin/python -m pip install --quiet --no-deps "torchvision>=0.21" "timm>=1.0"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable ".[dev]"
	@touch $@ $(VENV)/.installed
