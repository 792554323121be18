# Two commands do everything: `make demo` and `make test`. Both set the machine up first.
PYTHON ?= python3
VENV   := .venv/bin
export PATH := $(CURDIR)/$(VENV):$(CURDIR)/node_modules/.bin:$(PATH)
# Where it is set (many containers do), hundreds of processes compile all that they import, each for itself.
unexport PYTHONDONTWRITEBYTECODE
# OpenMP's threads wait without using a processor: training and other programs share the few that there are.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo demo-keep demo-down test test-slow compatibility permissions dist docs setup lock format schema clean

demo: setup          ## bring the whole system up on the embedded AWS and walk through an incident
	@$(VENV)/python -m examples.walkthrough $(ARGS)

demo-keep: setup     ## the same, and keep it running for `aws` and `cdk`
	@$(VENV)/python -m examples.walkthrough --keep $(ARGS)

demo-down: setup     ## stop what demo-keep left running
	@$(VENV)/python -m examples.walkthrough --down

test: setup          ## lint, types, unit tests, snapshots, compliance, end-to-end
	@$(VENV)/python -m tools.check $(ARGS)

test-slow: setup     ## what takes minutes: the engine inside a real Spark
	@$(VENV)/pytest -q -m slow $(ARGS)

compatibility: setup ## the library's tests with CDK=oldest|newest|X.Y.Z of aws-cdk-lib, on PY=3.13 or another Python
	@$(VENV)/python -m tools.compatibility $(or $(CDK),newest) $(if $(PY),--python $(PY))

permissions: setup   ## record which actions of roles the end-to-end tests use
	@$(VENV)/python -m tools.permissions

dist: setup          ## build and check wheel and source distribution
	@rm -rf dist && $(VENV)/python -m build --no-isolation --outdir dist . && $(VENV)/uvx --quiet twine@7.0.0 check --strict dist/*

docs: setup          ## build the documentation's site into build/site
	@NO_MKDOCS_2_WARNING=1 $(VENV)/uvx --quiet --with-requirements docs/requirements.txt mkdocs build --strict $(ARGS)

setup:
	@$(PYTHON) tools/setup.py

lock: setup          ## resolve the pins anew from requirements*.in
	@$(VENV)/python -m tools.lock

schema: setup        ## write environments/schema.json from the settings
	@$(VENV)/python -m tools.schema

format: setup
	@$(VENV)/ruff format . && $(VENV)/ruff check --fix .

clean:
	@rm -rf .venv node_modules cdk.out dist build .demo .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
