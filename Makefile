# Everything a developer or a machine runs. `make demo` needs only git, make and Python 3.11 or newer.

PYTHON ?= python3
PORT ?= 8000
export PORT
# The portal is several processes: where Python keeps nothing compiled, each compiles five hundred files at its start.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
PY := $(VENV)/bin/python
BASE_STAMP := $(VENV)/.installed-base
TEST_STAMP := $(VENV)/.installed-test
EXAMPLES := .venv-examples
EXAMPLES_STAMP := $(EXAMPLES)/.installed
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes
LOCKED := $(PY) $(INSTALL)
PACKAGES := mlops_portal registry approvals audits kpis integrations

.PHONY: help demo demo-reset test check bench fix docs

help:
	@echo "make demo        start the demonstration at http://127.0.0.1:$(PORT)/ (PORT=… for another port)"
	@echo "make demo-reset  forget the demonstration's data and start afresh"
	@echo "make test        run the tests (DATABASE_URL=postgres://… for PostgreSQL)"
	@echo "make check       format, lint, types, layers, migrations, documents, deployment settings"
	@echo "make fix         repair what can be repaired by a program"
	@echo "make bench       measure; prints a table"
	@echo "make docs        write the generated reference"

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	@echo "Creating the environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

# The stamp holds the digest of the lock: a second run installs nothing, a changed lock installs again.
.PHONY: environment test-environment
environment: $(PY)
	@digest=$$($(PY) -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' requirements/base.txt); \
	if [ "$$(cat $(BASE_STAMP) 2>/dev/null)" != "$$digest" ] && [ ! -f $(TEST_STAMP) ]; then \
		echo "Installing the pinned packages (about a minute) …"; \
		$(LOCKED) -r requirements/base.txt && echo "$$digest" > $(BASE_STAMP); \
	elif [ "$$(cat $(BASE_STAMP) 2>/dev/null)" != "$$digest" ]; then \
		echo "Installing the pinned packages …"; \
		$(LOCKED) -r requirements/test.txt && echo "$$digest" > $(BASE_STAMP); \
	fi

test-environment: $(PY)
	@digest=$$($(PY) -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' requirements/test.txt); \
	if [ "$$(cat $(TEST_STAMP) 2>/dev/null)" != "$$digest" ]; then \
		echo "Installing the pinned packages and test tools (a minute or two) …"; \
		$(LOCKED) -r requirements/test.txt && echo "$$digest" > $(TEST_STAMP); \
	fi

# mlflow and scikit-learn live apart: the portal needs neither.
.PHONY: examples-environment
examples-environment:
	@[ -x $(EXAMPLES)/bin/python ] || $(PYTHON) -m venv $(EXAMPLES)
	@digest=$$($(EXAMPLES)/bin/python -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' requirements/examples.txt); \
	if [ "$$(cat $(EXAMPLES_STAMP) 2>/dev/null)" != "$$digest" ]; then \
		echo "Installing mlflow and scikit-learn in $(EXAMPLES) (a minute or two) …"; \
		$(EXAMPLES)/bin/python $(INSTALL) -r requirements/examples.txt && echo "$$digest" > $(EXAMPLES_STAMP); \
	fi

demo: environment
	@exec $(PY) manage.py up --demo

demo-reset: environment
	@rm -rf var
	@echo "The demonstration's data is gone."
	@$(MAKE) --no-print-directory demo

# The browser journeys, and what is promised of the whole demonstration that they walk through, run by themselves
# afterwards: they wait for real processes and want the machine's attention.
test: test-environment
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q --durations=15 --durations-min=5 -m "not browser" $(ARGS); status=$$?; \
	if [ -n "$$DATABASE_URL" ]; then \
		echo "The browser journeys and the checks of the whole demonstration run with SQLite only: SKIPPED for this database."; \
	elif [ -n "$$PORTAL_CHROMIUM" ] || command -v chromium >/dev/null 2>&1; then \
		echo "The browser journeys …"; \
		$(PY) -m pytest -n 0 -q --durations=10 --durations-min=5 -m browser -p no:randomly || status=1; \
	else \
		echo "No Chromium found (PORTAL_CHROMIUM or chromium on the path): the browser journeys and the checks of the whole demonstration are SKIPPED."; \
	fi; \
	exit $$status

check: test-environment
	@$(PY) scripts/check.py

fix: test-environment
	@$(PY) -m ruff check --fix --quiet . || true
	@$(PY) -m ruff format --quiet .
	@find templates $(PACKAGES) -name '*.html' -print0 | xargs -0 -r $(VENV)/bin/djade --target-version 5.2 || true
	@$(PY) manage.py docs

docs: environment
	@$(PY) manage.py docs

bench: test-environment
	@$(PY) -m benchmarks $(ARGS)
