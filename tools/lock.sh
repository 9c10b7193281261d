#!/usr/bin/env bash
# Resolve pyproject.toml's dependencies in fresh environments and pin the outcomes.
set -euo pipefail
python=${1:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" - "$work" <<'PYTHON'
import pathlib, sys, tomllib
everything = tomllib.load(open("pyproject.toml", "rb"))
project = everything["project"]
wanted = {
    "requirements.lock": project["dependencies"] + project["optional-dependencies"]["dev"],
    "requirements-clients.lock": everything["dependency-groups"]["clients"],
}
for name, packages in wanted.items():
    pathlib.Path(sys.argv[1], name).write_text("\n".join(packages) + "\n")
PYTHON

# pin LOCK HEADER
pin() {
    "$python" -m venv --clear "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --upgrade 'pip<26'
    "$work/venv/bin/python" -m pip install --quiet --requirement "$work/$1"
    {
        printf '%s\n' "$2"
        "$work/venv/bin/python" -m pip freeze --all | sed -E 's/^(torch==[0-9.]+)\+.*/\1/'
    } >"$work/pinned"
    cp "$work/pinned" "$1"
}

pin requirements.lock "# Every package at its exact version, made by \`make lock\`. torch comes as the CPU build where
# the index offers one for it and with CUDA elsewhere."
pin requirements-clients.lock "# The clients that \`make clients\` tries, made by \`make lock\`; no part of the program."
