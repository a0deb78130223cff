#!/bin/sh
# Makes .venv from a lock file, on a machine that has only Python 3.11 (or uv), git and make.
set -eu
lock=$1
say() { printf 'setup: %s\n' "$*" >&2; }

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
    uv=.venv-uv/bin/uv
    if [ ! -x "$uv" ]; then
        python=$(command -v "${PYTHON:-python3.11}" || command -v python3 || true)
        [ -n "$python" ] || { say "Python 3 is missing: apt install python3 python3-venv"; exit 1; }
        say "getting uv"
        if ! "$python" -m venv .venv-uv 2>/dev/null; then
            rm -rf .venv-uv
            say "$python cannot make virtual environments: apt install python3-venv"
            exit 1
        fi
        if ! .venv-uv/bin/python -m pip --quiet --disable-pip-version-check install uv; then
            say "uv could not be installed; PyPI, or the index that pip is set to, must be within reach"
            exit 1
        fi
    fi
fi
if [ ! -x .venv/bin/python ]; then
    say "making .venv"
    wanted=$(command -v "${PYTHON:-python3.11}" || echo 3.11)
    if ! "$uv" venv --quiet --no-project --python "$wanted" .venv; then
        say "there is no Python 3.11, and uv could not get one: apt install python3.11 python3.11-venv"
        exit 1
    fi
fi
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    say ".venv is not of Python 3.11: make clean, then again (PYTHON names an interpreter)"
    exit 1
fi
say "installing $lock"
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes "$lock"
"$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
