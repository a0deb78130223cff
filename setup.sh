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
        .venv-uv/bin/python -m pip --quiet --disable-pip-version-check install uv
    fi
fi
if [ ! -x .venv/bin/python ]; then
    say "making .venv"
    "$uv" venv --quiet --no-project --python 3.11 .venv
fi
say "installing $lock"
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes "$lock"
"$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
