"""Imports go one way, torch stays where tensors are, and importing a module does nothing."""

import ast
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bot", "data", "model", "training")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "__init__.py"
}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}

# The rooms of each package, lowest first: a module imports from its own line and the lines before
# it, never from one after it. A name is a folder, or a module that stands beside the folders.
ROOMS = {
    "data": (
        "data.errors data.records data.turns",
        "data.statistics",
        "data.statistics.gate",
        "data.store",
        "data.files",
        "data.__main__",
    ),
    "model": (
        "model.errors model.sampling",
        "model.engine model.text",
        "model.grammar",
        "model.protocol",
        "model.client_address model.client_errors model.client_models",
        "model.client_requests model.client_stream",
        "model.client",
        "model.loading",
        "model.settings model.loaded",
        "model.runner",
        "model.runner.cpu",
        "model.runner.gpu",
        "model.assembly",
        "model.offline",
        "model.scripted",
        "model.server.answer",
        "model.server.entry",
        "model.server",
        "model.__main__",
    ),
    "bot": (
        "bot.errors bot.checks bot.clock bot.text",
        "bot.ratings",
        "bot.config",
        "bot.worker",
        "bot.chat bot.chat.queueing",
        "bot.front_end bot.lifecycle",
        "bot.terminal",
        "bot.discord.api bot.discord.identity bot.discord.newest",
        "bot.discord.phrases bot.discord.rules bot.discord.metrics",
        "bot.discord.content",
        "bot.discord.incoming",
        "bot.discord.answer",
        "bot.discord.following",
        "bot.discord.asking",
        "bot.discord.ratings bot.discord.commands",
        "bot.discord.sync",
        "bot.discord.upkeep",
        "bot.discord.cogs",
        "bot.discord.client",
        "bot.discord.front_end",
        "bot.doctor",
        "bot.__main__",
    ),
    "training": (
        "training.errors training.recipe training.scratch",
        "training.sources",
        "training.artifacts",
        "training.prepare.cleaning",
        "training.prepare",
        "training.train.fused",
        "training.train",
        "training.evaluate.voice",
        "training.evaluate.metrics",
        "training.evaluate",
        "training.evaluate.report",
        "training.ship",
        "training.seed",
        "training.cli",
        "training.__main__",
    ),
}
# Rooms that stand on different lines and still know nothing of each other.
STRANGERS = (("bot.terminal", "bot.discord"),)

# What a package may import of the others: whole packages, folders or single modules.
ALLOWED = {
    "data": set(),
    "model": set(),
    "bot": {
        "data",
        "model.client",
        "model.protocol",
        "model.errors",
        "model.sampling",
        "model.settings",
        "model.loading.adapter_sources",
        "model.loading.architectures",
        "model.loading.registry",
    },
    "training": {
        "data",
        "model.errors",
        "model.sampling",
        "model.loading",
        "model.offline",
        "model.text",
    },
}
MOST_FILES = 16  # in one folder
# Libraries that cost hundreds of megabytes: only where tensors are.
HEAVY = {"torch", "transformers", "peft", "bitsandbytes"}
HEAVY_ALLOWED = {
    "model.assembly", "model.loading.adapters", "model.loading.demo", "model.loading.quantised",
    "model.runner.check_record", "model.runner.comparison", "model.runner.eager",
    "model.runner.exact", "model.runner.lora", "model.runner.sampler", "model.runner.self_check",
    "model.runner.weights",
    "model.runner.cpu.adapters", "model.runner.cpu.buffers", "model.runner.cpu.compiled",
    "model.runner.cpu.isa", "model.runner.cpu.packing", "model.runner.cpu.runner",
    "model.runner.cpu.weights",
    "model.runner.gpu.ahead", "model.runner.gpu.choice", "model.runner.gpu.compiler",
    "model.runner.gpu.decode",
    "model.runner.gpu.inputs", "model.runner.gpu.kernel_set", "model.runner.gpu.low_rank",
    "model.runner.gpu.matrix", "model.runner.gpu.product", "model.runner.gpu.runner",
    "model.runner.gpu.steps", "model.runner.gpu.tiled_weights", "model.runner.gpu.tiles",
    "model.loading.vocabulary", "model.text.detokenize", "model.text.prompt",
    "model.text.template", "model.text.token_bytes", "model.text.tokenizer_codec",
    "model.text.vocabulary_bytes",
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


def within(name: str, place: str) -> bool:
    """Whether a module is this module, or lies in this folder."""
    return name == place or name.startswith(f"{place}.")


def line_of(name: str) -> int:
    """The number of the line in ROOMS that the module's own folder, or the module, stands on."""
    for place in (name, name.rpartition(".")[0]):
        for number, line in enumerate(ROOMS[name.split(".")[0]]):
            if place in line.split():
                return number
    raise AssertionError(f"{name} stands in no room of the table")


def strangers(one: str, other: str) -> bool:
    """Whether the two modules lie in rooms that know nothing of each other."""
    return any(
        (within(one, a) and within(other, b)) or (within(one, b) and within(other, a))
        for a, b in STRANGERS
    )


@pytest.mark.parametrize("name", MODULES)
def test_packages_are_imported_in_one_direction(name):
    package = name.split(".")[0]
    for imported in own(MODULES[name]):
        allowed = within(imported, package) or any(
            within(imported, one) for one in ALLOWED[package]
        )
        assert allowed, f"{name} must not import {imported}"


@pytest.mark.parametrize("name", MODULES)
def test_rooms_are_imported_in_one_direction(name):
    line = line_of(name)
    for imported in own(MODULES[name]):
        if imported.split(".")[0] == name.split(".")[0]:
            assert line_of(imported) <= line, f"{name} must not import {imported}"
        assert not strangers(name, imported), f"{name} must not import {imported}"


def test_no_folder_is_crowded():
    files = Counter(path.parent for path in MODULES.values())
    crowded = {str(folder.relative_to(ROOT)): n for folder, n in files.items() if n > MOST_FILES}
    assert not crowded


def test_a_class_name_stands_for_one_thing():
    places = defaultdict(list)
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    assert not {name: where for name, where in places.items() if len(where) > 1}


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


def test_cudas_bindings_are_imported_only_when_a_gpu_wants_a_kernel():
    # They come with torch's CUDA build and are missing on a CPU.
    assert not [
        name
        for name, path in MODULES.items()
        if "cuda" in {imported.split(".")[0] for imported in imports(path)}
    ]


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
