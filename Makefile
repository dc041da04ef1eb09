# Everything runs in .venv, which is made here from the locked requirements on first use.
# Needs only make and a Python >= 3.11; another one than the newest found: make PYTHON=/path/to/python test

CANDIDATES = python3.14 python3.13 python3.12 python3.11 python3
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN = .venv/bin
READY = .venv/.ready
UV = uv==0.13.9
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test crash fuzz soak bench lint lock picture

help: ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo: $(READY) ## scan three simulated chains through faulty providers and compare with the truth
	@$(BIN)/hdscan demo $(ARGS)

test: $(READY) ## run the tests; ARGS="-k name" for some of them
	@$(BIN)/python -m pytest $(ARGS)

crash: $(READY) ## kill real scans and fill their disk, 1,000 times; ARGS="--rounds N --seed S"
	@$(BIN)/python -m tests.crash $(ARGS)

fuzz: MINUTES ?= 10
fuzz: $(READY) ## feed nonsense to all that reads, MINUTES=10 of it; ARGS="--target NAME"
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -qq --require-hashes --only-binary :all: \
		-r tests/fuzz/requirements.txt 2>/dev/null || true
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

soak: $(READY) ## scan 500,000 addresses of each chain under wild faults and plot it; ARGS="--addresses N"
	@$(BIN)/python -m tests.soak $(ARGS)

bench: $(READY) ## measure, and print the table of docs/performance.md
	@$(BIN)/python -m bench $(ARGS)

lint: $(READY) ## style, types and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

picture: $(READY) ## draw the pictures of the README from a real run
	@$(BIN)/python docs/picture.py

# The locks hold for every supported Python and platform, and every file's hash. `make lock ARGS=--upgrade` moves to the newest.
lock: export UV_CUSTOM_COMPILE_COMMAND = make lock
lock: export UV_NO_CONFIG = 1
lock: COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --quiet
lock: ## write requirements.txt and requirements-dev.txt anew from pyproject.toml
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	$(PYTHON) -m venv $$tmp && $$tmp/bin/pip install -qq $(UV) && \
	$$tmp/bin/$(COMPILE) --extra dev $(ARGS) -o requirements-dev.txt && \
	$$tmp/bin/$(COMPILE) -c requirements-dev.txt -o requirements.txt

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "hdscan needs Python 3.11 or newer with its venv module; none of $(CANDIDATES) is." \
		"Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "preparing .venv" >&2
	@$(BIN)/python -m pip install -qq --require-hashes --only-binary :all: -r requirements-dev.txt
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@
