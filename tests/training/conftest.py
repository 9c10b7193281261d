"""A tiny random base, prepared pairs and a recipe for it, made once."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from model.loading.base import ResolvedBase, resolve_base
from model.loading.manifest import file_sha256
from tests.fakes.state_reader import CountingReader
from tests.fakes.tiny_model import make_tiny
from training.cli.terminal import silence_libraries
from training.evaluate.voice.states import StateReader
from training.prepare.card import read_card, write_card
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Shares, Side
from training.recipe import read_recipe
from training.train.job import Job

PAIRS = [
    (f"what about {thing}", f"{thing} is {verdict}, I said it")
    for thing in ("soup", "war", "cats", "python", "golf", "jazz", "rent", "school", "mars", "ties")
    for verdict in ("great", "awful")
]
RECIPE = """
name = "tiny"
base = "{base}"
licence = "CC0-1.0"
seed = 3
[lora]
r = 4
alpha = 8
[schedule]
learning_rate = {rate}
epochs = {epochs}
batch_size = 4
[stopping]
every = {every}
patience = {patience}
"""
MISLED = ("schedule.learning_rate=0.1", "schedule.epochs=4", "stopping.every=1")


@pytest.fixture(autouse=True)
def states_without_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads with the demo model, which takes seconds, but those marked `demo`."""
    if request.node.get_closest_marker("demo") is None:
        monkeypatch.setattr(StateReader, "open", lambda home, progress: CountingReader())


@pytest.fixture(autouse=True, scope="session")
def quiet() -> None:
    silence_libraries()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> ResolvedBase:
    folder = make_tiny(tmp_path_factory.mktemp("base") / "tiny")
    return resolve_base(str(folder), folder.parent, lambda stage, share: None)


WritePairs = Callable[[Sequence[tuple[str, str]]], Path]


@pytest.fixture
def write_pairs(tmp_path: Path) -> WritePairs:
    def write(pairs: Sequence[tuple[str, str]]) -> Path:
        path = tmp_path / "pairs.jsonl"
        lines = (json.dumps({"comment": comment, "reply": reply}) for comment, reply in pairs)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def prepared(tmp_path: Path, write_pairs: WritePairs) -> Path:
    options = PrepareOptions(seed=1, similarity=0.9, shares=Shares(0.2, 0.2))
    prepare(write_pairs(PAIRS), tmp_path / "prepared", options)
    return tmp_path / "prepared"


WriteRecipe = Callable[..., Path]


@pytest.fixture
def write_recipe(tmp_path: Path, base: ResolvedBase) -> WriteRecipe:
    def write(**changes: float) -> Path:
        values = {"rate": 0.01, "epochs": 2, "every": 2, "patience": 3} | changes
        path = tmp_path / "recipe.toml"
        path.write_text(RECIPE.format(base=base.folder, **values), encoding="utf-8")
        return path

    return write


@pytest.fixture
def job(base: ResolvedBase, prepared: Path, write_recipe: WriteRecipe, tmp_path: Path) -> Job:
    config = write_recipe()
    return Job(base, prepared, read_recipe(config), tmp_path / "adapter", config)


def rewrite_side(folder: Path, side: Side, lines: Sequence[str]) -> None:
    """Write other rows into a side of a prepared folder, and its card anew."""
    path, card = folder / f"{side}.jsonl", read_card(folder)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    changes = {"rows": len(lines), "sha256": file_sha256(path)}
    sides = card.sides | {side: card.sides[side].model_copy(update=changes)}
    write_card(folder, card.model_copy(update={"sides": sides}))


@pytest.fixture
def misled(job: Job) -> Job:
    """A job whose training rows make the replies of the validation side less likely."""
    rows = ({"comment": f"and {number}", "reply": "zq" * 20} for number in range(12))
    rewrite_side(job.data, Side.TRAIN, [json.dumps(row) for row in rows])
    return replace(job, recipe=read_recipe(job.config or Path(), MISLED))
