# Every target sees to what it needs: a bare Python 3.11 or newer is enough.
PYTHON ?= python3
ACCOUNT ?=
STACK ?= $(if $(filter aws,$(ACCOUNT)),production,local)
SET ?=
RUNS ?= 1000000
export ACCOUNT STACK LOCAL_PORT EDGE_PORT VALUE
# No module path of the user's shell reaches a command, and all text is UTF-8 in every locale.
unexport $(filter PYTHON%,$(.VARIABLES))
export PYTHONUTF8 = 1

RUN = $(PYTHON) -m local
OPERATE = $(PYTHON) -m $(if $(filter aws,$(ACCOUNT)),operate,local)
READY = $(PYTHON) -m local.bootstrap
BIN = .venv/bin
# Two files at a time, the long ones in the order they stand in.
TWO = --numprocesses 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help up preview refresh down outputs reset push secret status logs shell psql restart stop start wake sleep edge cost prices test unit \
  local-test check format interrupt changes bench fuzz diagram python

help: ## What there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ACCOUNT=aws             status, logs, shell, psql, restart, stop, start, wake, sleep, prices: in the real account'
	@echo '  STACK=production        its own configuration, with stand-in secrets (default: local)'
	@echo '  SET="natGateways=2 ..." other values for settings, in up, preview and cost'
	@echo '  PROFILE=small           a documented set of settings, in cost (production, resilient)'
	@echo '  SUMMARY=preview.md      where preview writes what would change, without values'
	@echo '  IMAGE=... TAG=...       what to push (default: a small new image); CRASH=1: one that crashes'
	@echo '  LOCAL_PORT=4567         another port for the emulator'
	@echo '  EDGE_PORT=9443          another port for the edge, which takes the next one too'

up: python ## Deploy the stack on the emulated AWS; again: no change
	@$(RUN) up $(foreach word,$(SET),--set '$(word)')

preview: python ## Show what up would do
	@$(RUN) preview $(foreach word,$(SET),--set '$(word)') $(if $(SUMMARY),--summary '$(SUMMARY)')

refresh: python ## Bring the state in line with what the emulator holds
	@$(RUN) refresh

down: python ## Remove every resource and stop the emulator
	@$(RUN) down

outputs: python ## The stack's outputs
	@$(RUN) outputs

reset: python ## End the emulator and forget the local state
	@$(RUN) reset

push: python ## Push an image and watch its services roll: SERVICE=backend, terriamap or geoserver
	@$(RUN) push --service '$(SERVICE)' $(if $(IMAGE),--image '$(IMAGE)') $(if $(TAG),--tag '$(TAG)') \
	  $(if $(filter-out 0,$(CRASH)),--crash)

secret: python ## Change a run-time secret and watch its readers restart: NAME=... (VALUE=..., else it asks)
	@$(RUN) secret --name '$(NAME)'

status: python ## How the stack fares: services, alarms, queue, certificates, backups
	@$(OPERATE) status

logs: python ## Follow the log of SERVICE=geoserver (SINCE=1h, FILTER=ERROR; FOLLOW=0 ends at the last line)
	@$(OPERATE) logs --service '$(SERVICE)' --since '$(SINCE)' \
	  --filter='$(subst ','\'',$(value FILTER))' $(if $(filter 0,$(FOLLOW)),--once)

shell: python ## Open a shell in a running task of SERVICE=geoserver
	@$(OPERATE) shell --service '$(SERVICE)'

psql: python ## Open the database's prompt, by way of a running task
	@$(OPERATE) psql

restart: python ## Deploy the image of SERVICE=geoserver afresh and watch (YES=1 doesn't ask)
	@$(OPERATE) restart --service '$(SERVICE)' $(if $(filter-out 0,$(YES)),--yes)

stop: python ## Stop SERVICE=backend-celery until it is started again (YES=1 doesn't ask)
	@$(OPERATE) stop --service '$(SERVICE)' $(if $(filter-out 0,$(YES)),--yes)

start: python ## Start SERVICE=backend-celery, which was stopped
	@$(OPERATE) start --service '$(SERVICE)'

wake: python ## Start a stack that stopped for the night (setting runningHours)
	@$(OPERATE) wake

sleep: python ## Stop such a stack, all but what holds data, until its hours begin (YES=1 doesn't ask)
	@$(OPERATE) sleep $(if $(filter-out 0,$(YES)),--yes)

cost: STACK = production
cost: python ## What a month costs, and what SET=... or PROFILE=... makes of it
	@$(RUN) cost $(foreach word,$(SET),--set '$(word)') $(if $(PROFILE),--profile '$(PROFILE)')

prices: python ## Bring local/data/prices.yaml up to date from AWS's price list (ACCOUNT=aws)
	@$(OPERATE) prices

edge: python ## Serve the deployed hosts by HTTPS, with stand-ins for the applications
	@$(RUN) edge

test: python ## All tests: unit, contract, security, local
	@$(READY)
	$(BIN)/python -m pytest $(TWO)

unit: python ## Tests without engine, emulator or network, two files at a time
	@$(READY)
	$(BIN)/python -m pytest $(TWO) tests/unit tests/contract tests/edge tests/handbook tests/security --ignore tests/security/test_audit.py

local-test: python ## Tests against the real engine and the emulator
	@$(READY)
	$(BIN)/python -m pytest $(TWO) tests/local

check: python ## Format, lint, types, workflows, and checkov's AWS checks
	@$(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict .
	$(BIN)/python -m local.workflows
	$(BIN)/python -m local.audit

format: python ## Mend format and what the linter can
	@$(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

interrupt: python ## Cut `up` and `down` off at N points of each, chosen by SEED, and see them go on
	@$(READY)
	POINTS=$(or $(N),20) SEED=$(or $(SEED),1) $(BIN)/python -m pytest -s tests/local/test_interrupted.py

changes: python ## Derive docs/changes.md and docs/settings.md: what changing each setting does and costs
	@$(READY)
	$(BIN)/python -m local.changes
	$(BIN)/python -m local.settings_page

bench: python ## Measure how long the local stack takes
	@$(READY)
	$(BIN)/python -m local.bench

fuzz: python ## Throw RUNS requests (default: a million) at the edge's function, random and guided ones
	@$(READY)
	$(BIN)/python -m tests.lambdas.fuzz_basic_auth --runs $(RUNS)

diagram: python ## Draw what the program deploys: asbuilt.svg, docs/network.svg
	@$(READY)
	$(BIN)/python -m local.diagram

python:
	@command -v $(PYTHON) >/dev/null || { \
	  echo 'error: there is no $(PYTHON): install Python 3.11 or newer, or name one with PYTHON=...' >&2; \
	  exit 1; }
