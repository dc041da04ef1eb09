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
.PHONY: help demo test test-fast nodes test-nodes crash simulate fuzz soak bench bench-peers lint lock picture shots chromium nginx

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo: $(READY) ## scan three simulated chains through faulty providers and compare with the truth
	@$(BIN)/hdscan demo $(ARGS)

# tests/conftest.py says what `auto` is, and which tests stay together
test: $(READY) ## run the tests on every core; ARGS="-k name" for some of them, ARGS=-n0 in one process
	@$(BIN)/python -m pytest -n auto $(ARGS)

FAST = model chains keys wire provider sim pool scan test_settings.py test_layout.py
test-fast: $(READY) ## those that start no other program, within a minute, for the inner loop
	@$(BIN)/python -m pytest -n auto $(addprefix tests/,$(FAST)) $(ARGS)

nodes: $(READY) ## fetch anvil, bitcoind, ElectrumX and surfpool from the package registries into .nodes, for `make test`
	@tests/nodes/install.sh

test-nodes: nodes ## hold every reading beside what those nodes say by another way, and print the table
	@$(BIN)/python -m pytest tests/nodes $(ARGS)

crash: $(READY) ## kill real scans and fill their disk, 1,000 times; ARGS="--rounds N --seed S"
	@$(BIN)/python -m tests.crash $(ARGS)

fuzz: MINUTES ?= 10
fuzz: $(READY) ## feed nonsense to all that reads, MINUTES=10 of it; ARGS="--target NAME"
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install -qq --require-hashes --only-binary :all: \
		-r tests/fuzz/requirements.txt 2>/dev/null || true
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

soak: $(READY) ## scan 500,000 addresses of each chain under wild faults and plot it; ARGS="--addresses N"
	@$(BIN)/python -m tests.soak $(ARGS)

bench: $(READY) ## measure, and print the table of docs/performance.md; ARGS="ceiling memory" for some of it, ARGS=--tiny to try
	@$(BIN)/python -m bench $(ARGS)

bench-peers: $(READY) ## measure whole processes beside what a user would write instead; ARGS=--tiny to try
	@bench/peers/install.sh
	@$(BIN)/python -m bench.peers $(ARGS)

simulate: SEEDS = 10000
simulate: $(READY) ## play seeds of a faulty world under virtual time; SEEDS=10000, ARGS="--first 7"
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

lint: $(READY) ## style, types and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

picture: $(READY) ## draw the pictures of the README from a real run
	@$(BIN)/python docs/picture.py

shots: $(READY) ## take the README's pictures of the dashboard from a real run; needs Chromium
	@$(BIN)/python -m docs.shots

DEBIAN = test "$$(id -u)" = 0 || sudo=sudo; $$sudo apt-get update -q && \
	DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -q -y --no-install-recommends

chromium: ## install the browser of the page's tests (Debian; as root or with sudo)
	@command -v chromium >/dev/null || { $(DEBIAN) chromium; }

nginx: ## install the nginx of the tests of rates (Debian; as root or with sudo)
	@PATH=$$PATH:/usr/sbin command -v nginx >/dev/null || { $(DEBIAN) nginx-light; }

# The locks hold for every supported Python and platform, and every file's hash. `make lock ARGS=--upgrade` moves to the newest.
lock: export UV_CUSTOM_COMPILE_COMMAND = make lock
lock: export UV_NO_CONFIG = 1
lock: COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --quiet
lock: ## write requirements.txt, requirements-dev.txt and those of tests/nodes and bench/peers anew
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	$(PYTHON) -m venv $$tmp && $$tmp/bin/pip install -qq $(UV) && \
	$$tmp/bin/$(COMPILE) --extra dev $(ARGS) -o requirements-dev.txt && \
	$$tmp/bin/$(COMPILE) -c requirements-dev.txt -o requirements.txt && cd tests/nodes/locks && \
	for name in build electrumx-1.16.0 electrumx-1.20.0 libraries; do \
		case $$name in libraries) deps=--no-deps;; *) deps=;; esac; \
		$$tmp/bin/$(subst pyproject.toml,$$name.in,$(COMPILE)) --no-header $$deps $(ARGS) -o $$name.txt || exit; \
	done && cd ../../../bench/peers/locks && \
	$$tmp/bin/$(subst pyproject.toml,python.in,$(COMPILE)) --no-header $(ARGS) -o python.txt

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "hdscan needs Python 3.11 or newer with its venv module; none of $(CANDIDATES) is." \
		"Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "preparing .venv" >&2
	@$(BIN)/python -m pip install -qq --require-hashes --only-binary :all: -r requirements-dev.txt
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@
