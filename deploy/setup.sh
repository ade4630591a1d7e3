#!/usr/bin/env bash
# Makes .venv from requirements-dev.lock; what only the system can give is named exactly.
set -euo pipefail
python=${1:-python3}

fail() { printf '\n%s\n' "$*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "Python is missing. On Debian: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version) is too old: 3.11 or newer is needed. Name another one with: make PYTHON=/path/to/python3 setup"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  fail "This Python cannot make environments: Debian splits that part from it. Install it with:

    apt-get install python3-venv"

if ! { [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
  echo "Making .venv ..."
  "$python" -m venv --clear .venv
fi
if ! .venv/bin/uv --version 2>/dev/null | grep -qF "uv $(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements-dev.lock)"; then
  # uv itself, by the same pin and hashes as everything else
  awk '/^[^ ]/ { own = /^uv==/ } own' requirements-dev.lock >.venv/uv.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
fi
VIRTUAL_ENV=$PWD/.venv .venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements-dev.lock
cp requirements-dev.lock .venv/.installed
echo "The environment is ready."
