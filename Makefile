# `make` or `make help` lists the targets. GNU make, a POSIX shell and Python 3.11+ are all it needs
# (Node.js 20.19+ too, for `make conformance`).

# The Python that .venv is made with: the first of these that is 3.11 or newer, or `make … PYTHON=/path/to/python`.
PYTHON ?=

PY = .venv/bin/python
PACKAGES = better_auth organizations apikeys migration_tools config

# tests/conformance/run_conformance.py starts the server with the same flags; its tests compare the two.
GRANIAN_FLAGS = --interface asginl --host 127.0.0.1 --workers 1 --workers-kill-timeout 10

# A password's hash takes 19 MiB: kept and used again, they make it a tenth faster than given back and asked for anew.
KEPT_MEMORY = MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=134217728

.DEFAULT_GOAL := help
.PHONY: help setup setup-runtime run test hammer conformance bench lint format lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

setup: ## Create .venv and install everything that is locked, development tools too
	@$(INSTALL) requirements-dev.lock

setup-runtime:
	@$(INSTALL) requirements.lock

run: setup-runtime ## Migrate, make the first operator, serve on 127.0.0.1:${PORT:-8000}
	@PORT=$${PORT:-8000}; export PORT; \
	$(PY) -c "$$PORT_IS_FREE" "$$PORT" && \
	$(PY) manage.py migrate --noinput && \
	$(PY) manage.py create_operator && \
	export $(KEPT_MEMORY) && \
	exec $(PY) -m granian $(GRANIAN_FLAGS) --port "$$PORT" config.asgi:application

test: setup ## Check the code and run every test, on PostgreSQL and Redis too where they answer
	@$(PY) tests/run_tests.py

hammer: setup ## Use API keys in parallel ROUNDS (100) times over; on the databases of DATABASE_URL and REDIS_URL
	@ROUNDS=$${ROUNDS:-100} $(PY) -m pytest -n0 -q -x tests/processes/test_api_keys.py -k "as_many or as_exact or comes_once"

conformance: setup ## Run the official client against a fresh server (ONLY=, CASES=, CONFORMANCE_DIR=, DOOR=shut)
	@$(PY) tests/conformance/run_conformance.py

bench: setup ## Measure the server beside the original (BENCH="--only cold --quick"); needs wrk, PostgreSQL, Redis
	@$(PY) -m tests.bench $(BENCH)

lint: setup ## Check style and types
	@status=0; \
	$(PY) -m ruff check . || status=1; \
	$(PY) -m ruff format --check . || status=1; \
	$(PY) -m mypy $(wildcard $(PACKAGES)) || status=1; \
	exit $$status

format: setup ## Rewrite the code in the project's style
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

lock: ## Write both lock files from pyproject.toml (LOCK_FLAGS=--upgrade for newer versions)
	@$(SHELL) -c "$$LOCK_SCRIPT"

clean: ## Remove all that make made, except var/, which holds your data
	@rm -rf .venv build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@rm -rf tests/conformance/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---------------------------------------------------------------------------------------------------------------------

# $(INSTALL) LOCKFILE: bring .venv in line with a lock file.
#
# The stamp holds the checksum of the lock file that was installed last, so a second call costs nothing and a changed
# lock file is noticed. The development lock holds all that the runtime lock does, so it stamps for both.
INSTALL = $(SHELL) -c "$$INSTALL_SCRIPT" install

define INSTALL_SCRIPT
set -eu
lock=$$1

wanted() { printf '%s %s' "$$(cksum < "$$1")" "$$(pwd)"; }
is_installed() { test -x $(PY) && test "$$(cat ".venv/$$1.stamp" 2>/dev/null)" = "$$(wanted "$$1")"; }
is_new_enough() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
fail() { echo "$$1" >&2; exit 1; }

find_python() {
  if test -n "$(PYTHON)"; then
    is_new_enough "$(PYTHON)" || fail "PYTHON=$(PYTHON) is not a Python 3.11 or newer."
    echo "$(PYTHON)"
    return
  fi
  for name in python3.13 python3.12 python3.11 python3; do
    if is_new_enough "$$name"; then echo "$$name"; return; fi
  done
  fail "Python 3.11 or newer is needed and none was found. Install one, or name it: make setup PYTHON=/path/to/python3"
}

install() {
  is_installed "$$lock" && exit 0   # another make was here first
  if ! { is_new_enough $(PY) && $(PY) -m pip --version >/dev/null 2>&1; }; then
    python=$$(find_python)
    echo "Creating .venv with $$("$$python" --version)"
    "$$python" -m venv --clear .venv
  fi
  echo "Installing $$lock"
  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r "$$lock"
  wanted "$$lock" > ".venv/$$lock.stamp"
  test "$$lock" = requirements.lock || wanted requirements.lock > .venv/requirements.lock.stamp
}

take_turns_without_flock() {
  until mkdir .venv.lock 2>/dev/null; do
    test -n "$${waiting:-}" || echo "Waiting for another make. If none is running, remove the folder .venv.lock" >&2
    waiting=yes
    sleep 1
  done
  trap 'rmdir .venv.lock' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

is_installed "$$lock" && exit 0
if command -v flock >/dev/null; then
  exec 9<.   # the lock is on the checkout's folder itself: it leaves nothing behind
  flock 9
else
  take_turns_without_flock
fi
install
endef
export INSTALL_SCRIPT

# granian would share a port with a server that is already there, each answering some of the requests.
define PORT_IS_FREE
import socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    server.bind(("127.0.0.1", int(sys.argv[1])))
except (OSError, ValueError, OverflowError) as error:
    sys.exit(f"Cannot serve on port {sys.argv[1]}: {error}. Choose another: make run PORT=8001")
endef
export PORT_IS_FREE

# uv lives in a venv that is thrown away; neither the runtime nor the development of the project needs it.
define LOCK_SCRIPT
set -eu
tools=$$(mktemp -d)
trap 'rm -rf "$$tools"' EXIT
trap 'exit 130' INT TERM HUP
for name in "$(PYTHON)" python3.13 python3.12 python3.11 python3; do
  test -n "$$name" && "$$name" -m venv "$$tools" 2>/dev/null && break
done
"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv
compile() {
  "$$tools/bin/uv" pip compile pyproject.toml --quiet --extra server --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" $(LOCK_FLAGS) "$$@"
}
compile -o requirements.lock
compile --group dev -c requirements.lock -o requirements-dev.lock
endef
export LOCK_SCRIPT
