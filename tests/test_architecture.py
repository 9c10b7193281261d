"""Imports go one way, torch stays where tensors are, and importing a module does nothing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bot", "data", "model", "training")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}

# For each package, what it may import of the others: whole packages or single modules.
ALLOWED = {
    "data": set(),
    "model": set(),
    "bot": {"data", "model.client", "model.protocol", "model.errors"},
    "training": {
        "data",
        "model.loading.adapters",
        "model.loading.base",
        "model.errors",
        "model.loading.quantised",
        "model.loading.manifest",
        "model.offline",
        "model.text.prompt",
        "model.loading.registry",
    },
}
# Libraries that cost hundreds of megabytes: only where tensors are.
HEAVY = {"torch", "transformers", "peft", "bitsandbytes"}
HEAVY_ALLOWED = {
    "model.assembly", "model.loading.adapters", "model.loading.demo", "model.loading.quantised",
    "model.runner.eager", "model.runner.lora", "model.runner.sampler", "model.runner.weights",
    "model.text.detokenize", "model.text.prompt",
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(path: Path) -> set[str]:
    """The project's modules a file imports."""
    return {name for name in imports(path) if name in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_packages_are_imported_in_one_direction(name):
    package = name.split(".")[0]
    for imported in own(MODULES[name]):
        other = imported.split(".")[0]
        allowed = other == package or imported in ALLOWED[package] or other in ALLOWED[package]
        assert allowed, f"{name} must not import {imported}"


def test_there_are_no_cycles():
    graph = {name: own(path) - {name} for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for imported in graph[name]:
                visit(imported, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("training")])
def test_torch_stays_where_tensors_are(name):
    heavy = {imported.split(".")[0] for imported in imports(MODULES[name])} & HEAVY
    assert not heavy or name in HEAVY_ALLOWED, f"{name} must not import {heavy}"


def test_names_say_what_lives_in_a_file():
    assert not [name for name in MODULES if name.split(".")[-1] in FORBIDDEN_NAMES]


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_module_does_nothing(package, tmp_path):
    names = [n for n in MODULES if n.startswith(f"{package}.") and not n.endswith("__main__")]
    program = f"import {', '.join(names)}, logging, os; " if names else "import logging, os; "
    program += "assert not os.listdir('.'), os.listdir('.'); assert not logging.root.handlers"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
