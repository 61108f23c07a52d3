# Everything below sets itself up: a machine needs Python 3.11 or newer, make and git.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
SUFFIX ?= dev
EMAILS ?= ops@example.com
VERSION ?=
PORT ?= 0
BASE ?= HEAD
SHARE ?= 100
SEED ?= $(shell date +%s)
SEED := $(SEED)
# Through the environment and unexpanded: no shell, nor make itself, reads what a message of a queue may say.
override RECORD := $(value RECORD)
override REASON := $(value REASON)
export RECORD REASON
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# The CDK looks for newer versions of itself and reports usage; neither belongs in a build.
export CDK_DISABLE_CLI_TELEMETRY := true
export CDK_DISABLE_VERSION_CHECK := true
# Container images often set this. Without compiled modules, each process compiles the CDK and moto anew: 4 s.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help launch test check cloud operations unstick confirm drop synth diff deploy destroy docs privileges release
.PHONY: faults hostile bench load long quick

help: ## This list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

.venv/.synced: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …")'
	@test -x .venv/bin/uv || { echo "Setting up .venv (once) …"; $(PYTHON) -m venv .venv; .venv/bin/pip install --quiet --disable-pip-version-check "$$(grep -A1 '^name = "uv"$$' uv.lock | sed -nE 's/^version = "(.*)"/uv==\1/p')"; }
	@.venv/bin/uv sync --quiet --locked
	@touch $@

launch: .venv/.synced ## Launch the product in a local cloud and show it happen (SUFFIX=dev EMAILS=a@x.com,b@x.com VERSION=2.2.0)
	@python -m local_cloud.demo launch --version "$(VERSION)" EnvironmentSuffix="$(SUFFIX)" OpsEmails="$(EMAILS)"

cloud: .venv/.synced ## Serve the local cloud with the catalog deployed, for the aws command (PORT=5000)
	@python -m local_cloud.demo serve --port $(PORT)

test: .venv/.synced ## Run the tests
	@python -m pytest

# Whether pyproject.toml declares what a part of the tree imports; no other part's group counts.
declared = found=$$(deptry --no-ansi $(1) 2>&1) || { echo "$$found"; exit 1; }
comma := ,

quick: .venv/.synced ## What of make check takes half a minute: style, types, import directions, dependencies
	@ruff format --check .
	@ruff check .
	@mypy
	@PYTHONPATH=lambdas:. lint-imports
	@$(call declared,lambdas)
	@$(call declared,--ignore DEP002 --non-dev-dependency-groups cdk catalog_stack product_template)
	@$(call declared,--ignore DEP002 --non-dev-dependency-groups cloud local_cloud)
	@$(call declared,--non-dev-dependency-groups cdk$(comma)cloud$(comma)dev .)

check: quick ## Style, types, import directions, dependencies, template lint, five rule packs, permission proofs
	@cfn-lint product_template/versions/*.json && echo "cfn-lint: 0 findings in $$(ls product_template/versions/*.json | wc -l) templates"
	@python -m tests.infrastructure.nag
	@python -m pytest --numprocesses 0 tests/privilege

synth: .venv/.synced ## Synthesize the catalog to cdk.out (no credentials needed)
	@cdk synth --quiet CatalogStack && echo "Synthesized to cdk.out. Next: make deploy (AWS) or make launch (local)."

diff: .venv/.synced ## What the catalog would change against a commit (BASE=HEAD; no credentials needed)
	@rm -rf build/base && mkdir -p build/base && git archive $(BASE) | tar -x -C build/base
	@cd build/base && cdk synth --quiet --output ../base.out CatalogStack
	@cdk diff CatalogStack --template build/base.out/CatalogStack.template.json

deploy: .venv/.synced ## Deploy the catalog to your AWS account (us-east-1, current credentials)
	@cdk deploy CatalogStack

destroy: .venv/.synced ## Remove the catalog from your AWS account
	@cdk destroy CatalogStack

faults: .venv/.synced ## Let everything go wrong in every operation, and write docs/faults.md (over an hour; goes on where it stopped; SHARE=25 SEED=7 runs a quarter and writes nothing)
	@python -m tests.long.faults.run --share $(SHARE) --seed $(SEED)

long: SHARE = 10
long: .venv/.synced ## A tenth of faults and of hostile, another one each time (SHARE=10 SEED=… repeats a run)
	@python -m tests.long.faults.run --share $(SHARE) --seed $(SEED)
	@python -m pytest tests/unit/test_hostile_messages.py tests/unit/test_hostile_inputs.py --hypothesis-profile=tenth --hypothesis-seed=$(SEED)

hostile: .venv/.synced ## Ten thousand hostile messages, inputs and templates (SEED=… repeats a run)
	@echo "SEED=$(SEED)"
	@python -m pytest tests/unit/test_hostile_messages.py tests/unit/test_hostile_inputs.py --hypothesis-profile=thorough --hypothesis-seed=$(SEED) --hypothesis-show-statistics

privileges: .venv/.synced ## Take every permission away, one at a time, and see the failures name it (an hour)
	@python -m tests.long.sweep

operations: .venv/.synced ## The engine's operations: under way, stuck, not confirmed (current credentials)
	@python -m catalog_stack.operator list

unstick: .venv/.synced ## End a stuck operation as failed (RECORD=rec-… REASON="…"; FORCE=yes stops a running one)
	@python -m catalog_stack.operator unstick "$$RECORD" "$$REASON" $(if $(filter yes,$(FORCE)),--force)

confirm: .venv/.synced ## Do an operation that Service Catalog does not confirm (RECORD=rec-…)
	@python -m catalog_stack.operator confirm "$${RECORD:?Say which one: RECORD=rec-…}"

drop: .venv/.synced ## Forget an operation that Service Catalog does not confirm (RECORD=rec-…)
	@python -m catalog_stack.operator drop "$${RECORD:?Say which one: RECORD=rec-…}"

bench: .venv/.synced ## Measure one launch, cold starts and the package, into docs/benchmarks.md
	@python -m tests.long.bench

load: .venv/.synced ## Throw bursts of operations at the engine, into docs/benchmarks.md (an hour)
	@python -m tests.long.bench --burst 50 200 1000

docs: .venv/.synced ## Write the generated tables of README and docs/ anew
	@python -m product_template.releasing.tables
	@python -m tests.infrastructure.nag

release: .venv/.synced ## Write the next product version, if every earlier one can be updated to it (VERSION=1.5.0)
	@python -m product_template.releasing.release "$(VERSION)"
