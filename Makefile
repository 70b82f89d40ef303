# `make run` runs the program, `make check` is for the desk, `make test` checks and tests all of it.
# Each creates its environment first.
PYTHON ?= python3
PROCESSES ?= 3
MINUTES ?= 10
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet pyproject.toml --extra build --universal --generate-hashes --no-header --no-annotate

.PHONY: run demo check test contract lint bench soak safeguards screenshots lock clean

run: .venv/installed
	@if [ -f .env ]; then \
		echo "Running the real bot, with the settings of .env (make demo runs the local workspace)."; \
		exec $(BIN)/ssat-bot run; \
	else \
		echo "Running the local workspace: there is no .env with the settings of a real one."; \
		exec $(BIN)/ssat-bot local; \
	fi

# Always the local workspace. For example: make demo DEMO="--scenario gitlab-down"
demo: .venv/installed
	@exec $(BIN)/ssat-bot local $(DEMO)

check: lint
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist worksteal -m "not story"

test: lint
	$(BIN)/pytest --numprocesses $(PROCESSES) --dist worksteal

# Against the stand-ins, and with credentials against a real Slack and GitLab: docs/local.md.
contract: .venv/installed-dev
	SSAT_CONTRACT=real $(BIN)/pytest tests/contract

lint: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# For example: make bench BENCH="--only clicks hooks"
bench: .venv/installed-dev
	$(BIN)/python -m bench $(BENCH)

# For example: make soak MINUTES=60, or make soak SOAK="--seed 7 --database postgresql"
soak: .venv/installed-dev
	$(BIN)/python -m tests.faults --minutes $(MINUTES) $(SOAK)

# Takes out one safeguard after the other and prints which seed sees it. Takes about half an hour.
safeguards: .venv/installed-dev
	$(BIN)/python -m tests.faults.safeguards

# Takes every picture of README.md and docs/ anew. Needs Chromium and a font with emoji.
screenshots: .venv/installed-dev
	$(BIN)/python -m tests.local.pictures

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: requirements.lock pyproject.toml | .venv/python
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# Raises each pinned version to the newest one that pyproject.toml allows.
lock: .venv/installed-dev
	$(LOCK) --upgrade -o requirements.lock
	$(LOCK) --upgrade --extra dev -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv
