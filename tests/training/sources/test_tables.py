"""What the library `datasets` reads: Parquet, Arrow, folders, and data sets of the hub."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import datasets
import huggingface_hub
import pytest
from datasets import Dataset, DatasetDict

from data.errors import DatasetError
from tests.fakes.one_source import open_source
from training.__main__ import main
from training.prepare.card import read_card
from training.sources.formats import Format
from training.sources.pairs import Columns
from training.sources.reading import Reading
from training.sources.row import SourceRow
from training.sources.tables import HubDataset

ROWS = [{"comment": f"question {n}", "reply": f"answer {n}", "by": f"p{n}"} for n in range(4)]
ID = "1234567890123456789"
API_ROW = {"id": ID, "channel_id": ID, "content": "hi", "author": {"id": ID, "username": "ann"}}
EXPORT_ROW = {"answer_id": 1, "rating": "good", "answer": "a", "finish_reason": "stop",
              "turns": [{"role": "user", "content": "q"}], "origin": "discord", "export": "a",
              "permission": "7"}  # fmt: skip
CHAT = [{"role": "user", "content": "soup?"}, {"role": "assistant", "content": "yes"}]


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    datasets.disable_progress_bars()


def as_parquet(folder: Path) -> Path:
    Dataset.from_list(ROWS).to_parquet(str(folder / "a.parquet"))
    return folder / "a.parquet"


def as_arrow(folder: Path) -> Path:
    Dataset.from_list(ROWS).save_to_disk(str(folder / "saved"))
    return next((folder / "saved").glob("*.arrow"))


def as_saved(folder: Path) -> Path:
    Dataset.from_list(ROWS).save_to_disk(str(folder / "saved"))
    return folder / "saved"


def as_folder(folder: Path) -> Path:
    (folder / "files").mkdir()
    Dataset.from_list(ROWS).to_parquet(str(folder / "files" / "train-0.parquet"))
    return folder / "files"


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (as_parquet, Format.PARQUET),
        (as_arrow, Format.ARROW),
        (as_saved, Format.FOLDER),
        (as_folder, Format.FOLDER),
    ],
)
def test_rows_are_read_and_known_by_their_name(make, kind, tmp_path):
    path = make(tmp_path)
    reading = Reading(columns=Columns(author="by"))
    opened = open_source(path, reading, tmp_path)
    assert opened.format is kind
    assert list(opened.rows) == [
        SourceRow(f"row {n}", row["comment"], row["reply"], author=row["by"])
        for n, row in enumerate(ROWS, 1)
    ]


def test_all_splits_are_read(read, tmp_path):
    one, two = Dataset.from_list(ROWS[:2]), Dataset.from_list(ROWS[2:])
    DatasetDict({"train": one, "test": two}).save_to_disk(str(tmp_path / "both"))
    found = read(tmp_path / "both")
    assert [row.place for row in found] == [
        "train row 1",
        "train row 2",
        "test row 1",
        "test row 2",
    ]
    assert [row.comment for row in found] == [row["comment"] for row in ROWS]


def test_a_chat_in_a_table_makes_rows(read, tmp_path):
    Dataset.from_list([{"messages": CHAT}]).to_parquet(str(tmp_path / "a.parquet"))
    assert [(row.comment, row.reply) for row in read(tmp_path / "a.parquet")] == [("soup?", "yes")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bad.parquet", b"nonsense" * 10, "Parquet magic bytes"),
        ("bad.arrow", b"nonsense" * 10, "cannot be read"),
        ("none.parquet", None, "it is no file"),
        ("empty", "folder", "any data files"),
    ],
)
def test_what_cannot_be_read_is_one_line(read, tmp_path, name, content, words, capfd):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (("a.jsonl", "b.csv"), "b.csv"),
        (("train.jsonl", "more.jsonl"), "more.jsonl"),
        (("a.jsonl", "b.jsonl", "deep/c.csv", "d.parquet"), "d.parquet, deep/c.csv"),
    ],
)
def test_a_folder_is_read_whole_or_not_at_all(read, tmp_path, names, left):
    folder = tmp_path / "folder"
    for name in (*names, "README.md", ".hidden.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(ROWS[0]) + "\n")
    with pytest.raises(DatasetError, match=f"and {left} would not be read: name the files"):
        read(folder)


def test_files_of_one_kind_are_read_whatever_else_lies_there(read, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.jsonl", "b.jsonl", "README.md", "LICENSE", "notes.txt"):
        (folder / name).write_text(json.dumps(ROWS[0]) + "\n")
    assert len(read(folder)) == 2


def test_a_data_set_of_the_hub_is_read_at_one_commit(read, tmp_path, monkeypatch):
    """The hub is out of reach here: its two calls are stood in for."""
    asked = list[tuple[object, ...]]()

    def info(_, repo_id, *, revision, timeout):
        asked.append((repo_id, revision, timeout > 0))
        return SimpleNamespace(sha="c0ffee")

    def load(name, **options):
        asked.append((name, options["revision"], options["streaming"]))
        return {"train": Dataset.from_list(ROWS).to_iterable_dataset()}

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", info)
    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.chdir(tmp_path)
    opened = open_source(Path("some-body/pairs@main"), Reading(), tmp_path)
    assert (opened.format, opened.hub) == (Format.HUB, HubDataset("some-body/pairs", "c0ffee"))
    assert len(list(opened.rows)) == 4
    assert asked == [("some-body/pairs", "main", True), ("some-body/pairs", "c0ffee", True)]
    assert main(["prepare", "some-body/pairs", "--out", "out", "--similarity", "1"]) == 0
    [source] = read_card(Path("out")).sources
    assert (source.path, source.format, source.rows) == ("some-body/pairs@c0ffee", "hub", 4)


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ({"train": ROWS, "test": [API_ROW]}, "messages as Discord's API gives them"),
        ({"train": [{"a": None, **API_ROW}]}, "messages as Discord's API gives them"),
        ({"train": [EXPORT_ROW, EXPORT_ROW | {"permission": None}]}, "an export of this bot"),
    ],
)
def test_discord_content_of_the_hub_is_refused(tmp_path, monkeypatch, capsys, splits, words):
    def load(_, **__):
        return {name: Dataset.from_list(rows).to_iterable_dataset()
                for name, rows in splits.items()}  # fmt: skip

    monkeypatch.setattr(
        huggingface_hub.HfApi, "dataset_info", lambda *_, **__: SimpleNamespace(sha="c0ffee")
    )
    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.delenv("DISCORD_TRAINING_PERMISSION", raising=False)
    monkeypatch.chdir(tmp_path)
    columns = ["--comment-column", "content", "--reply-column", "content"]
    assert main(["prepare", "some-body/chat", "--out", "out", *columns]) == 1
    assert f"some-body/chat is Discord content ({words})" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_a_name_of_the_hub_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "some-body/pairs", "--out", "out"]) == 1
    line = capsys.readouterr().err.strip()
    assert line.startswith("training: some-body/pairs is no file or folder here, and the hub ")
    assert "\n" not in line
    assert not Path("out").exists()


def test_a_table_is_prepared_and_its_content_identified(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved = as_saved(tmp_path)
    same = shutil.copytree(saved, tmp_path / "same")
    other = shutil.copytree(saved, tmp_path / "other")
    (other / "state.json").write_text((other / "state.json").read_text() + "\n")
    hashes: list[str] = []
    for path in (saved, same, other):
        out = f"out-{path.name}"
        assert main(["prepare", str(path), "--out", out, "--similarity", "1"]) == 0
        hashes.append(read_card(Path(out)).source.sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_nothing_is_left_in_the_users_home_and_the_import_is_late(tmp_path):
    path = as_parquet(tmp_path)
    (tmp_path / "home").mkdir()
    program = (
        "import sys; from pathlib import Path; from training.sources.reading import *\n"
        "assert 'datasets' not in sys.modules\n"
        f"path, scratch = Path({str(path)!r}), Path({str(tmp_path)!r})\n"
        "with open_sources([path], Reading(), scratch) as [opened]:\n"
        "    print(len(list(opened.rows)))"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parents[3],
        env={**kept, "HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "4", "")
    assert [one for one in (tmp_path / "home").rglob("*") if one.is_file()] == []
