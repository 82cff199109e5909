# make test: set up and run everything.   make check: set up and run the fast tests.
PYTHON ?= python3
VENV := .venv
# One thread a test process: two processes share two cores without fighting.
RUN := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist worksteal

.PHONY: setup lint check test

setup: $(VENV)/ready

$(VENV)/ready: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r requirements.txt
	touch $@

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

check: lint
	$(RUN) -m "not slow"

test: lint
	$(RUN)
