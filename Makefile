# `make demo` demonstrates volsched, `make test` runs the checks and tests, `make help` lists all targets.
# All targets use the virtual environment .venv in this folder. To use another interpreter: make PYTHON=/path/to/python3.12 …

VENV ?= .venv
BIN ?= $(VENV)/bin
# The stamp file of a complete environment. tox creates its own environments and sets this to an empty value.
READY ?= $(VENV)/ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# Ignore environment variables that would import another project's code or change warnings.
unexport PYTHONPATH PYTHONHOME PYTHONWARNINGS

PIP = $(BIN)/python -m pip --quiet --quiet
STEP = tools/step
# Byte code makes each later start faster, also with PYTHONDONTWRITEBYTECODE set.
COMPILE = $(BIN)/python -m compileall -q volsched volsched_drivers
ENTRY = setup.cfg setup.py pyproject.toml

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-all quick lint style types layers sample templates docs servers same-tests stestr suite suite-all \
	mutants bench soak clean

# The tests that `make test` runs under pytest as well. `make test-all` runs all tests under both runners.
PYTEST_PARTS = tests/unit tests/conformance tests/meta
PYTEST = $(BIN)/python -m pytest --quiet --numprocesses auto --dist loadscope

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: $(READY:%=%-to-run)  ## demonstrate the main features in a temporary folder
	@$(BIN)/volsched demo

test: $(READY:%=%-to-test) lint docs suite  ## lint, documentation, all tests under stestr, fast tests under pytest as well

test-all: $(READY:%=%-to-test) lint docs suite-all  ## the same with all tests under both runners, for a release

$(VENV)/bin/python:
	@test ! -f $(VENV) || rm $(VENV)  # tools other than this one write a file of that name
	@python="$(PYTHON)"; test -n "$$python" || python=$$(tools/find-python) || exit 1; \
	echo "Creating $(VENV) with $$python"; "$$python" -m venv $(VENV)

$(READY)-to-run: $(ENTRY) | $(VENV)/bin/python
	@echo 'Installing volsched and its dependencies into $(VENV)'
	@$(PIP) install --editable .
	@$(COMPILE)
	@touch $@

$(READY)-to-test: $(ENTRY) | $(VENV)/bin/python
	@echo 'Installing volsched, its dependencies, and the test tools into $(VENV)'
	@$(PIP) install --editable '.[test,lint,docs]'
	@$(COMPILE)
	@touch $@ $(READY)-to-run

lint: style types layers sample templates  ## ruff, mypy --strict, import layers, sample files, plugin templates

style: $(READY:%=%-to-test)
	@$(STEP) 'ruff check' $(BIN)/ruff check --quiet .
	@$(STEP) 'ruff format' $(BIN)/ruff format --quiet --check .

types: $(READY:%=%-to-test)
	@$(STEP) 'mypy --strict' $(BIN)/mypy --strict -p volsched -p volsched_drivers

layers: $(READY:%=%-to-test)
	@$(STEP) 'imports point down only' $(BIN)/lint-imports

sample: $(READY:%=%-to-test)
	@$(STEP) 'sample files are up to date' tools/check-sample $(BIN)

templates: $(READY:%=%-to-test)
	@$(STEP) 'plugin templates pass the linters' tools/check-templates $(BIN)

docs: $(READY:%=%-to-test)  ## build the documentation into doc/build/html, warnings are errors
	@$(STEP) 'release notes' $(BIN)/reno --quiet lint
	@$(STEP) 'documentation' $(BIN)/sphinx-build -q -W --keep-going -b html doc doc/build/html

suite: servers same-tests stestr
	@echo '-- $(PYTEST_PARTS) under pytest'
	@mkdir -p build
	@$(PYTEST) --junit-xml=build/pytest.xml $(PYTEST_PARTS)
	@$(BIN)/python tools/summarise_runs.py $(PYTEST_PARTS)

suite-all: servers same-tests stestr
	@echo '-- all tests under pytest'
	@mkdir -p build
	@$(PYTEST) --junit-xml=build/pytest.xml tests
	@$(BIN)/python tools/summarise_runs.py tests

servers:
	@tools/install-servers || test -z "$$CI"  # outside CI, tests whose server is missing are skipped

same-tests: $(READY:%=%-to-test)
	@$(STEP) 'both runners find the same tests' $(BIN)/python tools/compare_test_ids.py

stestr: $(READY:%=%-to-test) servers
	@echo '-- all tests under stestr'
	@$(BIN)/stestr run --abbreviate

quick: $(READY:%=%-to-test) style layers types  ## ruff, layers, mypy and unit tests, before each commit
	@$(PYTEST) tests/unit

mutants: $(READY:%=%-to-test)  ## mutation tests of placement and scheduler; ONLY='volsched.placement.claim_loop*'
	@$(PIP) install 'mutmut>=3.8.1'
	@nice -n 10 $(BIN)/mutmut run $(ONLY) ; $(BIN)/mutmut results

bench: $(READY:%=%-to-test)  ## run the benchmarks
	@$(BIN)/python -m benchmarks

soak: $(READY:%=%-to-test) servers  ## MINUTES=10 of load with processes killed at random; DATABASE=, SEED=
	@$(BIN)/python tools/soak.py --minutes $(or $(MINUTES),10) --database $(or $(DATABASE),postgresql) $(SEED:%=--seed %)

clean:  ## remove all generated files
	rm -rf .venv .tox .stestr .hypothesis .mypy_cache .ruff_cache .import_linter_cache mutants .pytest_cache build dist doc/build
	rm -rf volsched.egg-info
	find volsched volsched_drivers tests tools doc -type d -name __pycache__ -prune -exec rm -rf {} +
