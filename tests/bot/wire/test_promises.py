"""The table of promises in docs/architecture.md names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`(\w+)::(test_\w+)`")


def test_every_promise_has_a_test():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = text.partition("## What docs/discord.md promises")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ") and "**" not in line]
    bare = [row for row in rows[1:] if not NAMED.search(row)]
    assert rows
    assert bare == ["| --- | --- |"]
    for file, test in NAMED.findall(table):
        path = Path(__file__).parent / f"test_{file}.py"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in names, f"{file}::{test}"
