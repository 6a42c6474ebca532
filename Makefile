# Everything a person or a machine does here, by one name each; CI runs `make check` and nothing else.
# `fmt` is the only target that changes files of ours. PIP_ARGS is passed to every pip (README: an index of your own).

PYTHON ?= python3
PIP_ARGS ?=
PYTEST_ARGS ?=
PYTEST_WORKERS ?= 3
STATE ?= .orchestrator
CHAOS_STORM_S ?= 900
MACHINE_EXAMPLES ?= 1000
CHAOS_SOAK_S ?= 900
LOAD_ARGS ?= --users 10 --spawn-rate 10 --run-time 90s

BIN := .venv/bin
TRITON_PYTHON := .venv-triton/bin/python
MEDIA := .cache/media
# The packages of the real PayloadCMS, for tests and `orchestrator up --payload`: all that needs Node.js.
PAYLOAD := integrations/payload-plugin/node_modules/.installed
NODE_SUPPORTED := process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)
export PIP_ARGS

# What the locked requirements were solved for; the Triton stub needs a Python that nvidia-pytriton carries (ADR 0007).
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))

.DEFAULT_GOAL := help
.PHONY: help setup models media fmt lint types test docs check demo up down bench chaos chaos-long soak load

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.requirements .venv/.package .venv-triton/.requirements $(PAYLOAD)  ## make or refresh the environments

.venv/bin/python .venv-triton/bin/python:
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "Python 3.11 or 3.12 is needed; $(PYTHON) is not one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(@D:/bin=)

# Order-only (after the bar): an environment's python is no reason to install again, a changed list is.
.venv/.requirements: requirements/runtime.txt requirements/embedded.txt requirements/dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) -r requirements/dev.txt
	@touch $@

.venv/.package: pyproject.toml .venv/.requirements
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --no-deps --editable .
	@touch $@

.venv-triton/.requirements: triton/requirements.txt | .venv-triton/bin/python
	$(TRITON_PYTHON) -m pip install --quiet $(PIP_ARGS) -r triton/requirements.txt
	@touch $@

$(PAYLOAD): integrations/payload-plugin/package-lock.json
	@if node -e '$(NODE_SUPPORTED)' 2>/dev/null; then \
	    cd integrations/payload-plugin && npm ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error && touch ../../$@; \
	else echo "no Node.js 20.9 or newer: the tests with a real PayloadCMS are skipped, \`orchestrator up --payload\` refuses"; fi

models: setup  ## build the stock models that are missing
	$(TRITON_PYTHON) triton/zoo/build.py --repository model_repository

media: setup  ## unpack the pictures, clips and speech that demo and tests use
	$(TRITON_PYTHON) triton/zoo/media.py --dest $(MEDIA)

fmt: setup  ## format, fix what ruff can fix, regenerate the generated docs
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .
	$(BIN)/python docs/generate.py

lint: setup  ## style, import contracts, Dockerfiles, compose file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/hadolint deploy/Dockerfile triton/Dockerfile
	ORCH_ENV_FILE=.env.example ORCH_API__KEY_PEPPER=lint ORCH_TRITON__CONTROL_KEY=lint REDIS_PASSWORD=lint \
	    $(BIN)/docker-compose -f docker-compose.gpu.yml config --quiet

types: setup  ## mypy, strict: ours, then the Triton side in its own environment
	$(BIN)/mypy
	.venv-triton/bin/mypy --config-file triton/mypy.ini --cache-dir .mypy_cache/triton

test: setup models media  ## every test, against every real server (PYTEST_ARGS='-k cancel' narrows)
	$(BIN)/pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)
	env -u PYTHONPATH $(TRITON_PYTHON) -P -m pytest -c triton/pytest.ini --confcutdir=tests/triton tests/triton

docs: setup  ## generated docs are current, and every link resolves
	$(BIN)/pytest --quiet tests/architecture/test_config_docs.py tests/architecture/test_links.py

check:  ## what CI runs; `make test` holds what `make docs` looks at
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types models media
	@$(MAKE) --no-print-directory test

demo: setup models media  ## the main job on a real picture, a real clip and real speech
	$(BIN)/python loadtests/demo.py

up: setup models  ## start the embedded stack and stay with it (STATE=folder)
	$(BIN)/orchestrator up --state $(STATE)

down:  ## stop a stack that runs detached (STATE=folder)
	$(BIN)/orchestrator down --state $(STATE)

bench: setup models media  ## one JSON line per figure, each against its peer in the same run
	$(BIN)/python loadtests/bench/run.py

chaos: setup models media  ## the fault tests that take seconds, with two short storms (CHAOS_SEED repeats one)
	$(BIN)/pytest -n 2 --dist loadfile -m 'not slow and not long' tests/chaos $(PYTEST_ARGS)

chaos-long: setup models media  ## every fault test, two storms of CHAOS_STORM_S seconds with their tables, longer outages of Redis
	CHAOS_STORM_S=$(CHAOS_STORM_S) $(BIN)/pytest -m '' tests/chaos $(PYTEST_ARGS)
	SWAPS=50 $(BIN)/pytest tests/integration/test_live_swaps.py $(PYTEST_ARGS)
	MACHINE_EXAMPLES=$(MACHINE_EXAMPLES) $(BIN)/pytest tests/integration/test_claims_machine.py tests/integration/test_deliveries_machine.py $(PYTEST_ARGS)
	$(BIN)/pytest -m long tests/integration $(PYTEST_ARGS)

soak: setup models media  ## a quarter of an hour (CHAOS_SOAK_S) at 80 % load: does anything grow?
	CHAOS_SOAK_S=$(CHAOS_SOAK_S) $(BIN)/pytest tests/chaos/test_soak.py $(PYTEST_ARGS)

load: setup  ## locust, three projects and one floods, against the running stack (LOAD_ARGS, STATE=folder)
	ORCH_STATE=$(STATE) $(BIN)/locust -f loadtests/locustfile.py --headless --only-summary $(LOAD_ARGS)
