#!/usr/bin/env bash
# Resolve pyproject.toml's dependencies in a fresh environment and pin the outcome.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${1:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --upgrade 'pip<26'
"$work/venv/bin/python" - <<'PYTHON' >"$work/wanted.txt"
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(*project["dependencies"], *project["optional-dependencies"]["dev"], sep="\n")
PYTHON
"$work/venv/bin/python" -m pip install --quiet --requirement "$work/wanted.txt"
{
    echo "# Every package at its exact version, made by \`make lock\`. torch comes as the CPU build where"
    echo "# the index offers one for it and with CUDA elsewhere."
    "$work/venv/bin/python" -m pip freeze --all | sed -E 's/^(torch==[0-9.]+)\+.*/\1/'
} >requirements.lock
