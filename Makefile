# Needs make and Python 3.10 or later with its venv module; everything else goes into .venv, from exact pins.

VENV   := .venv
PYTHON := $(VENV)/bin/python
PINS   := binder/requirements.txt
STAMP  := $(VENV)/.installed-from-pins
PIP    := $(PYTHON) -m pip install -qq --disable-pip-version-check --constraint $(PINS)

# The interpreter .venv is made with: make PYTHON3=/path/to/python3.12 test
PYTHON3 ?=
WORKERS ?= 2
ARGS    ?=

.DEFAULT_GOAL := help
.PHONY: help demo lab test slow pictures pins clean

help:  ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(STAMP)  ## run the quickstart without a browser, print dense beside pruned, name the files written
	@echo "prunelab: running the demo (notebooks/01_quickstart.ipynb, headless)"
	@$(PYTHON) notebooks/demo.py $(ARGS)

lab: $(STAMP)  ## open JupyterLab on the quickstart
	@echo "prunelab: opening JupyterLab on notebooks/01_quickstart.ipynb (Ctrl-C ends it)"
	@$(PYTHON) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS) notebooks/01_quickstart.ipynb

# One pytest run. loadgroup keeps the cells of a notebook, and the browser tests, in order on one worker
# (tests/conftest.py names the groups); without reordering they come first, as what takes longest in one piece.
test: $(STAMP)  ## run every test: linters, types, laws, notebooks, the browser
	@echo "prunelab: running all tests on $(WORKERS) workers"
	@$(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder \
	    --nbval-lax --nbval-current-env -m "not slow" tests notebooks $(ARGS)

slow: $(STAMP)  ## run the long forms: every family, hundreds of random networks (about half an hour)
	@echo "prunelab: running the long tests on $(WORKERS) workers"
	@$(PYTHON) -m pytest -n $(WORKERS) -m slow tests $(ARGS)

pictures: $(STAMP)  ## take the pictures of the panel in docs/images anew (a few minutes, needs Chromium)
	@echo "prunelab: taking the pictures of the panel"
	@$(PYTHON) -m pytest -q tests/browser/test_parts.py --pictures $(ARGS)

$(STAMP): pyproject.toml $(PINS)
	@set -e; \
	if ! $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	    found=; \
	    for python in $(if $(PYTHON3),"$(PYTHON3)",python3.11 python3.12 python3.10 python3 python); do \
	        if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then found=$$python; break; fi; \
	    done; \
	    if [ -z "$$found" ]; then \
	        echo "prunelab: needs Python 3.10 or later, and found none$(if $(PYTHON3), at $(PYTHON3)); install python3.11, or name one: make PYTHON3=/path/to/python" >&2; exit 1; \
	    fi; \
	    if ! "$$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	        echo "prunelab: $$found lacks its venv module; on Debian: apt-get install -y python3-venv" >&2; exit 1; \
	    fi; \
	    echo "prunelab: making $(VENV) with $$("$$found" --version) from the pins in $(PINS) (once, a few minutes)"; \
	    "$$found" -m venv --clear $(VENV); \
	else \
	    echo "prunelab: bringing $(VENV) to the pins in $(PINS)"; \
	fi; \
	$(PIP) hatchling editables; \
	$(PIP) --no-build-isolation --editable '.[onnx,int8,paddle2onnx,dask,dev]'; \
	touch $@

pins:  ## look for newer versions and rewrite binder/requirements.txt
	@echo "prunelab: resolving the newest versions into $(PINS)"
	@test -x .venv-pins/bin/uv || { python3 -m venv .venv-pins && .venv-pins/bin/python -m pip install --quiet uv; }
	@{ echo "# Exact versions of everything (Python 3.10 and later), made by 'make pins'."; \
	   .venv-pins/bin/uv pip compile pyproject.toml --extra onnx --extra int8 --extra paddle2onnx --extra dask --extra dev --universal --python-version 3.10 \
	       --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet; } >$(PINS).new
	@mv $(PINS).new $(PINS)

clean:  ## remove .venv, caches and everything that was written by runs
	@echo "prunelab: removing .venv, caches and outputs"
	@rm -rf .venv .venv-pins .hypothesis .mypy_cache .pytest_cache .ruff_cache artifacts build dist out runs \
	    notebooks/out notebooks/runs
	@find . -name .git -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +
