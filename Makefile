# volsched. `make demo` shows the main job, `make test` checks everything; `make help` lists the rest.
# All of it lives in .venv in this folder. Another interpreter: make PYTHON=/path/to/python3.12 …

VENV ?= .venv
BIN ?= $(VENV)/bin
#: The stamp that says that BIN has what a target needs. tox, which makes its own environments, sets it to nothing.
READY ?= $(VENV)/ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# An old environment variable must not bring another project's code, warnings or configuration into this one.
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS

PIP = $(BIN)/python -m pip --quiet --quiet
STEP = tools/step
# Byte code makes every later start faster, also where Python itself is told not to write it.
COMPILE = $(BIN)/python -m compileall -q volsched volsched_drivers
ENTRY = setup.cfg setup.py pyproject.toml

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint style types layers sample templates docs suite stestr pytest same-tests servers quick bench soak clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: $(READY:%=%-to-run)  ## the main job, end to end, in a temporary folder
	@$(BIN)/volsched demo

test: $(READY:%=%-to-test) lint docs suite  ## everything that must pass before a change lands

$(VENV)/bin/python:
	@test ! -f $(VENV) || rm $(VENV)  # a file of that name is a note of some tool's, about where its own is
	@python="$(PYTHON)"; test -n "$$python" || python=$$(tools/find-python) || exit 1; \
	echo "Making $(VENV) with $$python"; "$$python" -m venv $(VENV)

$(READY)-to-run: $(ENTRY) | $(VENV)/bin/python
	@echo 'Installing volsched and what it needs into $(VENV)'
	@$(PIP) install --editable .
	@$(COMPILE)
	@touch $@

$(READY)-to-test: $(ENTRY) | $(VENV)/bin/python
	@echo 'Installing volsched, what it needs, and what its checks need into $(VENV)'
	@$(PIP) install --editable '.[test,lint,docs]'
	@$(COMPILE)
	@touch $@ $(READY)-to-run

lint: style types layers sample templates  ## ruff, mypy --strict, the layers, the sample configuration, the templates

style: $(READY:%=%-to-test)
	@$(STEP) 'ruff check' $(BIN)/ruff check --quiet .
	@$(STEP) 'ruff format' $(BIN)/ruff format --quiet --check .

types: $(READY:%=%-to-test)
	@$(STEP) 'mypy --strict' $(BIN)/mypy --strict -p volsched -p volsched_drivers

layers: $(READY:%=%-to-test)
	@$(STEP) 'imports point down only' $(BIN)/lint-imports

sample: $(READY:%=%-to-test)
	@$(STEP) 'the sample configuration is up to date' tools/check-sample $(BIN)

templates: $(READY:%=%-to-test)
	@$(STEP) 'new packages are in style' tools/check-templates $(BIN)

docs: $(READY:%=%-to-test)  ## the documentation into doc/build/html, warnings as errors
	@$(STEP) 'release notes' $(BIN)/reno --quiet lint
	@$(STEP) 'documentation' $(BIN)/sphinx-build -q -W --keep-going -b html doc doc/build/html

suite: servers same-tests stestr pytest  ## the tests, under stestr and under pytest
	@$(BIN)/python tools/summarise_runs.py

servers:
	@tools/install-servers || test -z "$$CI"  # without them, outside CI, the tests that need them are skipped

same-tests: $(READY:%=%-to-test)
	@$(STEP) 'both runners find the same tests' $(BIN)/python tools/compare_test_ids.py

stestr: $(READY:%=%-to-test) servers
	@echo '-- the suite under stestr'
	@$(BIN)/stestr run --abbreviate

pytest: $(READY:%=%-to-test) servers
	@echo '-- the suite under pytest'
	@mkdir -p build
	@$(BIN)/python -m pytest --quiet --numprocesses auto --dist loadscope --junit-xml=build/pytest.xml

quick: $(READY:%=%-to-test) style layers types  ## what is worth a minute before each commit
	@$(BIN)/python -m pytest --quiet tests/unit tests/conformance

bench: $(READY:%=%-to-test)  ## the benchmarks, each with its table
	@$(BIN)/python -m benchmarks

soak: $(READY:%=%-to-test) servers  ## MINUTES=10 of everything at once, with processes killed at random; DATABASE=, SEED=
	@$(BIN)/python tools/soak.py --minutes $(or $(MINUTES),10) --database $(or $(DATABASE),postgresql) $(SEED:%=--seed %)

clean:  ## remove everything that was made here
	rm -rf .venv .tox .stestr .hypothesis .mypy_cache .ruff_cache .import_linter_cache .pytest_cache build dist doc/build
	rm -rf volsched.egg-info
	find volsched volsched_drivers tests tools doc -type d -name __pycache__ -prune -exec rm -rf {} +
