# Everything below sets itself up: a machine needs Python 3.11 or newer, make and git.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
SUFFIX ?= dev
EMAILS ?= ops@example.com
# From the command line alone: many programs set a VERSION for reasons of their own.
ifeq ($(origin VERSION),environment)
$(foreach command,$(filter launch release,$(MAKECMDGOALS)),$(info VERSION=$(VERSION) of the environment does not \
  count: write it behind make $(command) if you mean it.))
endif
VERSION :=
PORT ?= 0
BASE ?= HEAD
BEFORE ?=
SHARE ?= 100
SEED ?= $(shell date +%s)
SEED := $(SEED)
# The pages with generated parts.
GENERATED = $(shell grep -rlF '[[[cog' docs)

# A variable that the command does not read is refused. What it reads stands in its line of the list below.
COMMANDS := $(or $(MAKECMDGOALS),help)
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
ifneq ($(GIVEN),)
READ := $(shell grep -hE '^($(subst $() ,|,$(strip $(COMMANDS)))):' $(MAKEFILE_LIST) | grep -oE '[A-Z]+=' | tr -d =)
$(foreach name,$(filter-out PYTHON $(READ),$(GIVEN)),$(error make $(COMMANDS) does not read $(name), so nothing \
  was started: it reads $(or $(READ),no variable)))
endif

# Downloads are kept at home, by uv, jsii and the CDK.
ifneq ($(shell mkdir -p "$$HOME/.cache" 2>&1 && test -w "$$HOME/.cache" && echo yes),yes)
$(info $(HOME)/.cache cannot be written, so downloads are kept in .venv/cache.)
export XDG_CACHE_HOME := $(CURDIR)/.venv/cache
export JSII_RUNTIME_PACKAGE_CACHE_ROOT := $(XDG_CACHE_HOME)/jsii
export CDK_HOME := $(XDG_CACHE_HOME)/cdk
endif

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

# It fits a terminal of 24 rows and 80 columns.
help:
	@sed -nE 's/^([a-z]+):[^#]*## /\1 /p' $(MAKEFILE_LIST) | while read -r name text; do printf 'make %-10s %s\n' "$$name" "$$text"; done

NOT_SET_UP = { echo "The packages could not be installed, so nothing was set up: connect to a network if there is none, and run make again." >&2; exit 1; }

.venv/.synced: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 …")'
	@test -x .venv/bin/uv || { echo "Setting up .venv (once) …"; $(PYTHON) -m venv .venv; .venv/bin/pip install --quiet --quiet --disable-pip-version-check "$$(grep -A1 '^name = "uv"$$' uv.lock | sed -nE 's/^version = "(.*)"/uv==\1/p')" || $(NOT_SET_UP); }
	@.venv/bin/uv sync --quiet --locked || $(NOT_SET_UP)
	@touch $@

launch: .venv/.synced ## See a launch happen: SUFFIX=dev EMAILS=a@x.com VERSION=2.2.0
	@python -m local_cloud.demo launch --version "$(VERSION)" EnvironmentSuffix="$(SUFFIX)" OpsEmails="$(EMAILS)"

cloud: .venv/.synced ## Serve a local cloud with the catalog, for aws: PORT=5000
	@python -m local_cloud.demo serve --port "$(PORT)"

test: .venv/.synced ## Run the tests
	@python -m pytest

# Whether pyproject.toml declares what a part of the tree imports; no other part's group counts.
declared = found=$$(deptry --no-ansi $(1) 2>&1) || { echo "$$found"; exit 1; }
comma := ,

quick: .venv/.synced ## The quick checks: style, types, imports, dependencies
	@ruff format --check .
	@ruff check .
	@mypy
	@PYTHONPATH=lambdas:. lint-imports
	@$(call declared,lambdas)
	@$(call declared,--ignore DEP002 --non-dev-dependency-groups cdk catalog_stack product_template)
	@$(call declared,--ignore DEP002 --non-dev-dependency-groups cloud local_cloud)
	@$(call declared,--non-dev-dependency-groups cdk$(comma)cloud$(comma)dev .)

check: quick ## All checks: the quick ones, templates, rule packs, permissions
	@cfn-lint product_template/versions/*.json && echo "cfn-lint: 0 findings in $$(ls product_template/versions/*.json | wc -l) templates"
	@python -m tests.infrastructure.nag
	@python -m cogapp --check --verbosity=1 --check-fail-msg="Run make docs: a generated part is out of date." $(GENERATED)
	@python -m pytest --numprocesses 0 tests/privilege

synth: .venv/.synced ## Synthesize the catalog to cdk.out (no credentials)
	@cdk synth --quiet CatalogStack && echo "Synthesized to cdk.out. Next: make deploy (AWS) or make launch (local)."

diff: .venv/.synced ## What the catalog changes against a commit: BASE=HEAD
	@rm -rf build/base && mkdir -p build/base && git archive $(BASE) | tar -x -C build/base
	@cd build/base && cdk synth --quiet --output ../base.out CatalogStack
	@cdk diff CatalogStack --template build/base.out/CatalogStack.template.json

deploy: .venv/.synced ## Deploy the catalog to your AWS account (us-east-1)
	@cdk deploy CatalogStack

destroy: .venv/.synced ## Remove the catalog from your AWS account
	@cdk destroy CatalogStack

faults: .venv/.synced ## Every fault in every operation (an hour): SHARE=25 SEED=7
	@python -m tests.long.faults.run --share $(SHARE) --seed $(SEED)

long: SHARE = 10
long: .venv/.synced ## Drills; a tenth of faults and hostile: SHARE=10 SEED=7
	@python -m tests.long.faults.run --share $(SHARE) --seed $(SEED)
	@python -m pytest tests/unit/test_hostile_messages.py tests/unit/test_hostile_inputs.py --hypothesis-profile=tenth --hypothesis-seed=$(SEED)
	@python -m pytest --numprocesses 0 tests/long/databases tests/long/drills

hostile: .venv/.synced ## Ten thousand hostile messages and inputs: SEED=7
	@echo "SEED=$(SEED)"
	@python -m pytest tests/unit/test_hostile_messages.py tests/unit/test_hostile_inputs.py --hypothesis-profile=thorough --hypothesis-seed=$(SEED) --hypothesis-show-statistics

privileges: .venv/.synced ## Take every permission away, one at a time (an hour)
	@python -m tests.long.sweep

operations: .venv/.synced ## The engine's operations: under way, stuck, not confirmed
	@python -m catalog_stack.operator list

unstick: .venv/.synced ## End a stuck operation: RECORD=rec-… REASON=text FORCE=yes
	@python -m catalog_stack.operator unstick "$$RECORD" "$$REASON" $(if $(filter yes,$(FORCE)),--force)

confirm: .venv/.synced ## Do an operation that is not confirmed: RECORD=rec-…
	@python -m catalog_stack.operator confirm "$${RECORD:?Say which one: RECORD=rec-…}"

drop: .venv/.synced ## Forget an operation that is not confirmed: RECORD=rec-…
	@python -m catalog_stack.operator drop "$${RECORD:?Say which one: RECORD=rec-…}"

bench: .venv/.synced ## Measure a launch and cold starts, or the loop: BEFORE=HEAD~9
	@python -m tests.long.bench $(if $(BEFORE),--before "$(BEFORE)")
	@python -m cogapp -r --verbosity=1 docs/develop/benchmarks.md

load: .venv/.synced ## Measure bursts of operations (an hour)
	@python -m tests.long.bench --burst 50 200 1000
	@python -m cogapp -r --verbosity=1 docs/develop/benchmarks.md

docs: .venv/.synced ## Write the generated tables and pictures of docs/ anew
	@python -m cogapp -r --verbosity=1 $(GENERATED)

release: .venv/.synced ## Write the next version of the product: VERSION=1.5.0
	@python -m product_template.releasing.release "$(VERSION)"
