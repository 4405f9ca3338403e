#!/usr/bin/env bash
# Makes a virtual environment holding the locked version of uv, checked by its hash.
# usage: bootstrap.sh VENV LOCK
set -euo pipefail
venv=$1 lock=$2

python=""
for candidate in python3.11 python3 python3.12 python3.13 python3.14 python; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "HelloCactus needs Python 3.11 or newer, and none was found on PATH (tried python3.11 … python)." >&2
  echo "Install one, for example with your system's package manager, then run make again." >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "$("$python" --version) lacks the venv module; on Debian and Ubuntu: apt install python3-venv" >&2
  exit 1
fi

if ! "$venv/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi
awk '/^uv==/ {take=1} take {print} take && !/\\$/ {exit}' "$lock" > "$venv/uv.txt"
if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
  --requirement "$venv/uv.txt"; then
  echo "Could not install uv. Is the package index reachable from here (proxy, certificates)?" >&2
  exit 1
fi
touch "$venv/bin/uv"
