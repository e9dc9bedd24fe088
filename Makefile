# Two commands do all: `make run` and `make test`. Each builds .venv when it is missing or older than the lock.

# Preferred order: the versions that the lock holds wheels for, then whatever python3 is. `make PYTHON=...` takes that one only.
PYTHON ?= python3
PYTHONS := $(if $(filter file default,$(origin PYTHON)),python3.11 python3.12 python3.13 python3.14,) $(PYTHON)
UV := uv==0.13.9
WORKERS ?= 2
ARGS ?=

# The stamp's name holds the folder's: scripts in a venv name their interpreter by its full path, so a moved tree needs a new one.
STAMP := .venv/.stamp-$(firstword $(shell printf %s '$(CURDIR)' | cksum))

# Someone else's environment must not redirect ours.
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV UV_PYTHON UV_SYSTEM_PYTHON
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup run test check lint format soak bench sbom audit lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## build or renew .venv, nothing else

run: $(STAMP) ## the whole of duban with a made-up municipality; ARGS="--port 9000" is passed on
	@exec .venv/bin/duban up --demo $(ARGS)

test: check ## the same as check

check: lint ## everything that CI runs: lint, then the tests on WORKERS=2 processes
	.venv/bin/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(STAMP) ## ruff, ruff format, mypy, import contracts
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

format: $(STAMP) ## put the code in order
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

soak: $(STAMP) ## the long campaign and the long trial, an hour or more
	.venv/bin/python -m tests.campaign --kills 1000 --seconds 600
	.venv/bin/python -m tests.trial --seeds 1-1000 --jobs 2

bench: $(STAMP) ## speed and memory beside yardsticks of the same run, a quarter of an hour; ARGS="--only P4", ARGS=--full
	@.venv/bin/uv sync --quiet --frozen --inexact --group bench || echo "matplotlib cannot be had: figures without plots"
	.venv/bin/python -m bench $(ARGS)

sbom: $(STAMP) ## bill of materials (CycloneDX) into dist/
	@mkdir -p dist && .venv/bin/uv export --frozen --no-dev --quiet --format cyclonedx1.5 --output-file dist/sbom.cdx.json

audit: $(STAMP) ## known flaws of locked dependencies; says loudly where PyPI cannot be asked
	@.ci/audit

lock: $(STAMP) ## renew uv.lock and requirements.lock to the newest versions
	.venv/bin/uv lock --upgrade
	.venv/bin/uv export --quiet --frozen --no-emit-project --no-annotate --output-file requirements.lock

clean: ## remove .venv, caches and builds; var/ (the data) stays
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A venv of this folder with a good interpreter is kept and brought up to date; any other is made anew.
$(STAMP): pyproject.toml uv.lock requirements.lock
	@set -e; \
	found=; new_enough='import sys; sys.exit(sys.version_info < (3, 11))'; \
	for python in $(PYTHONS); do \
		if "$$python" -c "$$new_enough" >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "duban needs Python 3.11 or newer; tried: $(strip $(PYTHONS)). Name one: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	if [ -e '$@' ] && .venv/bin/python -c "$$new_enough" 2>/dev/null; then \
		echo "Bringing .venv up to date ..."; \
	else \
		echo "Building .venv with $$("$$found" --version) ..."; \
		rm -rf .venv; \
		if ! "$$found" -m venv .venv >/dev/null 2>&1; then \
			echo "  no ensurepip here: a venv without pip, filled from outside"; \
			rm -rf .venv; \
			"$$found" -m venv --without-pip .venv; \
		fi; \
	fi; \
	if .venv/bin/python -m pip --version >/dev/null 2>&1; then pip=".venv/bin/python -m pip"; \
	elif "$$found" -m pip --version >/dev/null 2>&1; then pip="$$found -m pip --python .venv/bin/python"; \
	else pip="pip --python .venv/bin/python"; fi; \
	[ -w "$${HOME:-/nowhere}" ] || export UV_CACHE_DIR="$(CURDIR)/.venv/.uv-cache" PIP_NO_CACHE_DIR=1; \
	if ! { $$pip install --quiet '$(UV)' \
		&& { .venv/bin/uv sync --quiet --frozen --compile-bytecode --system-certs || .venv/bin/uv sync --quiet --frozen --compile-bytecode; }; }; then \
		echo "  uv could not do it: going on with pip and the same hashes, about a minute"; \
		$$pip install --quiet --require-hashes -r requirements.lock; \
		$$pip install --quiet --no-deps --editable .; \
	fi; \
	rm -f .venv/.stamp-*; touch '$@'
