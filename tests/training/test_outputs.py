"""No command changes a file that it did not write, whatever lies where it shall write."""

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from data.__main__ import main as data_main
from data.files.output_marker import MARKER, Marker
from data.store.database import FILE_NAME, connect
from model.loading.base import ResolvedBase
from tests.fakes.tiny_model import make_adapter, make_whole_adapter
from tests.fakes.trees import Planted, Tree, plant, trees
from training.__main__ import COMMANDS, main
from training.artifacts.figures import FIGURES
from training.cli import compare
from training.prepare.prepare import PrepareOptions, prepare
from training.prepare.sides import Shares
from training.train.checkpoint import JOB, LAST

RECIPE = """
name = "tiny"
base = "{base}"
[schedule]
learning_rate = 0.01
epochs = 1
batch_size = 4
[stopping]
every = 5
"""
PAIRS = [(f"what about {n} of {n * n}", f"{n * 7919} is fine, I said it") for n in range(30)]
PAGE = "page.md"
FOREIGN: Planted = {"notes.txt": "precious", ".hidden": "", "deep/chat.jsonl": "{}", "mine": None}
# A name that the commands write, and names near those of work folders and markers.
NAMES = (
    "train.jsonl", "card.json", "adapter_model.safetensors", "manifest.json", "report.json",
    "config.json", "table.md", PAGE, JOB, LAST, FIGURES, MARKER, ".partial-old", "new", "old",
)  # fmt: skip


# Which test here holds each command that writes. `rollback` writes what `promote` writes, and of
# `data`, `forget` and `exports` write into the database alone.
COVERED = {
    "training": {
        "prepare", "train", "evaluate", "merge", "seed-table", "compare", "voice", "demo",
        "promote", "rollback",
    },
    "data": {"export", "backup", "check", "forget", "exports"},
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """What the commands read, and the adapters to choose from."""

    base: ResolvedBase
    root: Path
    source: Path
    data: Path
    adapter: Path
    recipe: Path
    prompts: Path

    def call(self, command: str, out: Path) -> list[str]:
        """The arguments of a command that writes into `out`."""
        base, data = ["--base", str(self.base.folder)], ["--data", str(self.data)]
        prompts = ["--prompts", str(self.prompts)]
        return {
            "prepare": ["prepare", str(self.source), "--out", str(out), "--similarity", "0.9",
                        "--validation", "0.2", "--test", "0.2"],
            "train": ["train", "--config", str(self.recipe), *data, "--out", str(out)],
            "train --work": ["train", "--config", str(self.recipe), *data, "--out",
                             str(self.root / "unused"), "--work", str(out)],
            "evaluate": ["evaluate", *base, *data, *prompts, "--adapters",
                         f"base,tuned={self.adapter}", "--max-tokens", "3", "--limit", "1", "--out",
                         str(out)],
            "merge": ["merge", *base, "--adapter", str(self.adapter), "--out", str(out)],
            "compare": ["compare", *base, *prompts, "--adapter", str(self.adapter), "--page",
                        str(out / PAGE)],
            "seed-table": ["seed-table", str(self.source), *base, "--out", str(out)],
            "voice": ["voice", "--out", str(out / PAGE)],
        }[command]  # fmt: skip


@pytest.fixture(scope="module")
def place(base: ResolvedBase, tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("outputs")
    source = root / "pairs.csv"
    lines = (f'"{comment}","{reply}"\n' for comment, reply in PAIRS)
    source.write_text("Comment,Response\n" + "".join(lines), encoding="utf-8")
    prepare(source, root / "data", PrepareOptions(similarity=0.9, shares=Shares(0.2, 0.2)))
    (root / "recipe.toml").write_text(RECIPE.format(base=base.folder), encoding="utf-8")
    (root / "prompts.jsonl").write_text('{"id": "a", "prompt": "hello there"}\n', encoding="utf-8")
    adapter = make_adapter(base.folder, root / "adapter")
    return Place(base, root, source, root / "data", adapter, root / "recipe.toml",
                 root / "prompts.jsonl")  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def surroundings(place: Place, tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("cwd"))
        patched.setenv("FUNGPT_HOME", str(place.root / "var"))
        patched.delenv("WORKER_URL", raising=False)
        yield


def looked_at(folder: Path, tree: Planted, run: Callable[[Path], int]) -> tuple[Tree, Tree, str]:
    """Plant a tree, run a command over it; the tree before and after, and why it was refused."""
    out = folder / "out"
    plant(out, tree)
    before = Tree.of(out)
    # An empty marker is what a kill leaves of our own first one.
    assume(before and [(name, entry.text) for name, entry in before.items()] != [(MARKER, "")])
    with redirect_stderr(StringIO()) as said:
        code = run(out)
    assert code == (1 if said.getvalue() else 0)
    return before, Tree.of(out), said.getvalue()


@pytest.mark.parametrize(
    "command",
    ["prepare", "train", "train --work", "evaluate", "merge", "seed-table"],
)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tree=trees(NAMES))
def test_a_folder_with_foreign_files_is_refused_by_every_command(
    place: Place, command: str, tree: Planted
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before, after, why = looked_at(
            Path(folder), tree, lambda out: main(place.call(command, out))
        )
        assert why.count("\n") == 1
        assert "`python -m training" in why
        assert "did not write that: name a new or an empty folder" in why
        assert after == before
        assert [path.name for path in Path(folder).iterdir()] == ["out"]


def test_no_command_is_forgotten_here() -> None:
    assert {command.name for command in COMMANDS} == COVERED["training"]
    with redirect_stdout(StringIO()) as told, pytest.raises(SystemExit):
        data_main(["--help"])
    named = set(re.findall(r"^    (\w+) ", told.getvalue(), re.MULTILINE))
    assert named == COVERED["data"]


@pytest.mark.parametrize("command", ["compare", "voice", "export", "backup"])
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tree=trees([PAGE], most=2))
def test_a_foreign_file_is_kept_by_every_command_that_writes_one(
    place: Place, command: str, tree: Planted
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        connect(home / FILE_NAME).close()

        def run(out: Path) -> int:
            if command in ("compare", "voice"):
                # What they would make is of no interest here; the refusal comes before all work.
                return main(place.call(command, out)) if (out / PAGE).exists() else 0
            return data_main(["--home", str(home), command, str(out / PAGE)])

        before, after, why = looked_at(Path(folder), tree, run)
        assert {name: after.get(name) for name in before} == before
        assert (PAGE in before) == (" exists " in why)


@pytest.mark.parametrize("tree", [FOREIGN, {"adapter_model.safetensors": "precious"}])
def test_the_demo_keeps_what_is_not_its_own(
    place: Place, tmp_path: Path, tree: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plant(tmp_path / compare.SHIPPED, tree)
    before = Tree.of(tmp_path)
    assert main(["demo"]) == 1
    assert Tree.of(tmp_path) == before


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tree=trees([FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"], most=3))
def test_no_command_of_the_store_changes_a_foreign_home(place: Place, tree: Planted) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        plant(home, tree)
        before = Tree.of(home)
        # SQLite leaves an empty file where it was killed, and begins anew in one.
        assume(FILE_NAME not in before or before[FILE_NAME].text or before[FILE_NAME].is_folder)
        calls = (["check"], ["export", f"{folder}/out"], ["backup", f"{folder}/copy"],
                 ["forget", "ann"], ["exports"], ["exports", "--deleted", "a"])  # fmt: skip
        for call in calls:
            with redirect_stderr(StringIO()) as said, redirect_stdout(StringIO()):
                code = data_main(["--home", str(home), *call])
            assert "Traceback" not in said.getvalue()
            if call != ["check"]:
                assert (code, said.getvalue().count("\n")) == (1, 1)
            after = Tree.of(home)
            assert {name: after.get(name) for name in before} == before


def test_promoting_keeps_what_is_not_the_registrys(
    place: Place, base: ResolvedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNGPT_HOME", str(tmp_path))
    monkeypatch.setenv("BASE_MODEL", str(base.folder))
    make_whole_adapter(base, tmp_path / "made")
    there = {**FOREIGN, ".partial-1/notes": "precious", ".partial-mine/manifest.json": "{}"}
    plant(tmp_path / "adapters" / "tuned", there)
    plant(tmp_path / "adapters", {".lock": "precious"})
    before = Tree.of(tmp_path)
    for _ in range(2):
        assert main(["promote", str(tmp_path / "made")]) == 0
    assert main(["rollback"]) == 0
    after = Tree.of(tmp_path)
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize("command", ["prepare", "train", "evaluate", "merge"])
def test_own_output_is_written_again_beside_foreign_files(
    place: Place, tmp_path: Path, command: str
) -> None:
    out = tmp_path / "out"
    call = place.call(command, out)
    assert main(call) == 0
    plant(out, FOREIGN)
    before = Tree.of(out)
    marker = Marker.read(out)
    assert marker is not None
    assert main(call) == 0
    after = Tree.of(out)
    foreign = before.keys() - marker.files.keys() - {MARKER}
    assert len(foreign) == 5
    assert {name: after.get(name) for name in foreign} == {name: before[name] for name in foreign}
    assert after.keys() == before.keys()

    edited = out / sorted(marker.files)[0]
    edited.write_bytes(edited.read_bytes() + b"\n")
    before = Tree.of(tmp_path)
    assert main(call) == 1
    assert Tree.of(tmp_path) == before


@pytest.mark.parametrize("command", ["prepare", "train", "evaluate", "merge", "seed-table"])
def test_another_commands_output_is_refused(
    place: Place, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    first = "merge" if command == "prepare" else "prepare"
    assert main(place.call(first, out)) == 0
    before = Tree.of(tmp_path)
    assert main(place.call(command, out)) == 1
    assert f", written by `python -m training {first}` and not by" in capsys.readouterr().err
    assert Tree.of(tmp_path) == before


def inputs(place: Place, out: Path) -> Mapping[str, list[str]]:
    """For each command, a call that reads something inside the folder that it shall write."""
    source, recipe, prompts = out / "chat.csv", out / "recipe.toml", out / "prompts.jsonl"
    return {
        "prepare": ["prepare", str(source), "--out", str(out)],
        "prepare a list": ["prepare", str(place.source), "--word-list", str(source), "--out",
                           str(out)],
        "train": ["train", "--config", str(recipe), "--data", str(place.data), "--out", str(out)],
        "train its data": ["train", "--config", str(place.recipe), "--data", str(out), "--out",
                           str(out)],
        "train its checkpoints": [*place.call("train", out), "--work", str(out / "work")],
        "evaluate": [*place.call("evaluate", out), "--prompts", str(prompts)],
        "evaluate its data": [*place.call("evaluate", out), "--data", str(out)],
        "seed-table": ["seed-table", str(source), "--base", str(place.base.folder), "--out",
                       str(out)],
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["prepare", "prepare a list", "train", "train its data", "train its checkpoints", "evaluate",
     "evaluate its data", "seed-table"],
)  # fmt: skip
def test_an_input_inside_the_output_is_refused(
    place: Place, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mydata"
    command = name.split()[0]
    kind = f"python -m training {command}"
    out.mkdir()
    if name in ("train its data", "evaluate its data"):
        for file in place.data.iterdir():
            (out / file.name).write_bytes(file.read_bytes())
        (out / MARKER).unlink()
    else:
        (out / "chat.csv").write_bytes(place.source.read_bytes())
        (out / "recipe.toml").write_bytes(place.recipe.read_bytes())
        (out / "prompts.jsonl").write_bytes(place.prompts.read_bytes())
    Marker(kind=kind, files={}).create(out)  # even where the folder is the command's own
    before = Tree.of(tmp_path)
    assert main(inputs(place, out)[name]) == 1
    assert "lies in the output folder" in capsys.readouterr().err
    assert Tree.of(tmp_path) == before


def test_a_source_survives_its_own_folder_as_output(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = tmp_path / "mydata" / "chat.jsonl"
    chat.parent.mkdir()
    lines = (json.dumps({"comment": comment, "reply": reply}) for comment, reply in PAIRS)
    chat.write_text("\n".join(lines), encoding="utf-8")
    before = Tree.of(tmp_path)
    assert main(["prepare", str(chat), "--out", str(chat.parent)]) == 1
    assert capsys.readouterr().err == (
        f"training: {chat} is read and lies in the output folder {chat.parent}: name another "
        "folder\n"
    )
    assert Tree.of(tmp_path) == before
