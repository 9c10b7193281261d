"""Output folders: what a command may replace, and that nothing else ever changes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import OutputRefused
from data.files.output_folder import check_output, claim_output, output_folder, release_output
from data.files.output_marker import MARKER, WORK_PREFIX, Marker
from tests.fakes.trees import Entry, Tree, plant, trees

KIND = "python -m training prepare"
OTHER = "python -m training train"
ROOT = Path(__file__).parents[3]


def write(target: Path, files: Mapping[str, str], *, keep: bool = False, kind: str = KIND) -> None:
    with output_folder(target, kind, keep=keep) as work:
        for name, text in files.items():
            (work / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    """The texts of all files but the marker."""
    return {
        path.name: path.read_text()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != MARKER
    }


@pytest.mark.parametrize("there", [False, True])
def test_a_new_or_an_empty_folder_is_filled(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "deep" / "out"
    if there:
        out.mkdir(parents=True)
    inode = out.stat().st_ino if there else None
    check_output(out, KIND)
    write(out, {"a": "1", "b": "2"})
    assert content(out) == {"a": "1", "b": "2"}
    assert sorted(path.name for path in out.iterdir()) == [MARKER, "a", "b"]
    assert inode in (None, out.stat().st_ino)
    assert list((tmp_path / "deep").iterdir()) == [out]


def test_own_output_is_replaced_file_by_file(tmp_path: Path) -> None:
    write(tmp_path / "out", {"a": "1", "b": "2"})
    foreign = tmp_path / "out" / "notes"
    foreign.write_text("mine")
    write(tmp_path / "out", {"b": "3", "c": "4"})
    assert content(tmp_path / "out") == {"b": "3", "c": "4", "notes": "mine"}
    write(tmp_path / "out", {"c": "5", "d": "6"}, keep=True)
    assert content(tmp_path / "out") == {"b": "3", "c": "5", "d": "6", "notes": "mine"}
    write(tmp_path / "out", {})
    assert content(tmp_path / "out") == {"notes": "mine"}


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    for text in "12":
        write(tmp_path / "out", {"a": text})
    assert (tmp_path / "out").is_symlink()
    assert content(tmp_path / "real") == {"a": "2"}


def foreign_file(out: Path) -> None:
    out.mkdir()
    (out / "chat.jsonl").write_text("precious")


def four_files(out: Path) -> None:
    foreign_file(out)
    for name in ("d\n", "e", "f"):
        (out / name).touch()


def another_command(out: Path) -> None:
    write(out, {"adapter": "weights"}, kind=OTHER)


def an_edited_file(out: Path) -> None:
    write(out, {"a": "1"})
    (out / "a").write_text("edited")


def a_link_in_a_files_place(out: Path) -> None:
    write(out, {"a": "1"})
    (out / "a").rename(out.parent / "elsewhere")
    (out / "a").symlink_to("../elsewhere")


def a_file(out: Path) -> None:
    out.write_text("a file")


def a_broken_link(out: Path) -> None:
    out.symlink_to("nowhere")


def a_damaged_marker(out: Path) -> None:
    write(out, {"a": "1"})
    (out / MARKER).write_text('{"kind": "python -m training prepare", "files"')


def a_marker_that_names_a_file_elsewhere(out: Path) -> None:
    out.mkdir()
    (out.parent / "victim").touch()
    (out / MARKER).write_text(json.dumps({"kind": KIND, "files": {"../victim": []}}))


def a_linked_marker(out: Path) -> None:
    write(out.parent / "other", {"a": "1"})
    out.mkdir()
    (out / "a").write_text("2")
    (out / MARKER).symlink_to(out.parent / "other" / MARKER)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (foreign_file, "holds chat.jsonl, and `python -m training prepare` did not write that"),
        (four_files, r"holds chat.jsonl, 'd\n', e and 1 more, and"),
        (another_command, "holds adapter, written by `python -m training train` and not by"),
        (an_edited_file, "out/a was changed since"),
        (a_link_in_a_files_place, "out/a was changed since"),
        (a_file, "out is no folder"),
        (a_broken_link, "out is no folder"),
        (a_damaged_marker, "holds .fungpt-output.json, a, and"),
        (a_marker_that_names_a_file_elsewhere, "holds .fungpt-output.json, and"),
        (a_linked_marker, "holds .fungpt-output.json, a, and"),
    ],
)
def test_everything_else_is_refused_and_stays(
    tmp_path: Path, make: Callable[[Path], None], line: str
) -> None:
    out = tmp_path / "out"
    make(out)
    before = Tree.of(tmp_path)
    calls: tuple[Callable[[], None], ...] = (
        lambda: check_output(out, KIND),
        lambda: write(out, {"new": "1"}),
        lambda: claim_output(out, KIND, ["new"]),
    )
    for call in calls:
        with pytest.raises(OutputRefused) as caught:
            call()
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)
        assert Tree.of(tmp_path) == before


def test_an_input_inside_the_output_is_refused(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    write(out, {"train.jsonl": "1"})
    (out / "deep").mkdir()
    (out / "deep" / "chat.jsonl").touch()
    elsewhere.touch()
    (out / "link").symlink_to(elsewhere)
    (tmp_path / "way-in").symlink_to(out / "deep")
    for name in ("out", "out/deep/chat.jsonl", "out/train.jsonl", "out/link", "way-in/chat.jsonl"):
        with pytest.raises(OutputRefused, match="is read and lies in the output folder"):
            check_output(out, KIND, [elsewhere, tmp_path / name])
    check_output(out, KIND, [elsewhere, tmp_path, tmp_path / "out.jsonl"])


@pytest.mark.parametrize("there", [None, {}, {"a": "1"}])
def test_an_error_leaves_the_folder_as_it_was(tmp_path: Path, there: dict[str, str] | None) -> None:
    out = tmp_path / "out"
    if there is not None:
        out.mkdir()
        write(out, there)
    before = Tree.of(tmp_path)

    def interrupted() -> None:
        with output_folder(out, KIND) as work:
            (work / "a").write_text("2")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert Tree.of(tmp_path) == before


def test_what_somebody_put_there_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, {"a": "1"})

    def disturbed(name: str) -> None:
        with output_folder(out, KIND) as work:
            (work / "b").write_text("new")
            (out / name).write_text("mine")

    with pytest.raises(OutputRefused, match="holds b, which `python -m training prepare` did not"):
        disturbed("b")
    assert content(out) == {"a": "1", "b": "mine"}
    (out / "b").unlink()
    with pytest.raises(OutputRefused, match="out/a was changed since"):
        disturbed("a")
    assert content(out) == {"a": "mine"}


def test_a_folder_in_the_output_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="files only"), output_folder(tmp_path / "o", KIND) as work:
        (work / "deep").mkdir()
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_write_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with output_folder(out, KIND) as work:
        (work / "a").write_text("first")
        with pytest.raises(OutputRefused, match="another run writes into"):
            write(out, {"a": "second"})
    assert content(out) == {"a": "first"}


def test_a_claimed_folder_is_written_bit_by_bit_and_given_up(tmp_path: Path) -> None:
    out = tmp_path / "work"
    for text in "12":
        claim_output(out, KIND, ["last", "job"])
        (out / "last").write_text(text)
    with pytest.raises(OutputRefused, match="written by"):
        check_output(out, OTHER)
    (out / "log").write_text("mine")
    with pytest.raises(OutputRefused, match="holds log, which"):
        claim_output(out, KIND, ["last", "job", "log"])
    (out / "log").unlink()
    claim_output(out, KIND, ["last", "job", "log"])
    (out / "last").unlink()
    release_output(out)
    assert not out.exists()


# Runs the command again and again, each time on a folder of its own and in a process that is
# killed one file operation later than the one before; the last one comes to its end.
KILLED = """
import os, signal, sys
from pathlib import Path
from data.files.output_folder import output_folder

def write(out, files):
    with output_folder(out, "python -m training prepare") as work:
        for name, text in files.items():
            (work / name).write_text(text)

def run(out, step):
    def count(event, _):
        nonlocal step
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            step -= 1
            if step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    write(out, {"b": "new b", "c": "new c"})

for step in range(1, 200):
    out = Path(sys.argv[1], str(step), "out")
    out.parent.mkdir()
    if sys.argv[2] == "there":
        write(out, {"a": "old a", "b": "old b"})
        (out / "notes").write_text("mine")
    if (child := os.fork()) == 0:
        run(out, step)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
    assert step < 199
"""


@pytest.mark.parametrize("there", ["new", "there"])
def test_a_kill_at_any_step_leaves_old_or_new_files_and_a_folder_to_go_on_with(
    tmp_path: Path, there: str
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, there], cwd=ROOT, timeout=100)
    assert done.returncode == 0
    old = {"a": "old a", "b": "old b"} if there == "there" else {}
    notes = {"notes": "mine"} if there == "there" else {}
    new = {"b": "new b", "c": "new c"}
    folders = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))
    for folder in folders:
        out = folder / "out"
        found = content(out) if out.exists() else {}
        assert {name: found.pop(name, None) for name in notes} == notes
        assert all(text in (old.get(name), new.get(name)) for name, text in found.items())
        if folder is not folders[-1]:
            write(out, new)
        assert content(out) == new | notes
        left = {path.name for path in out.glob(f"{WORK_PREFIX}*/**/*")}
        assert left <= {MARKER}  # of a kill before the marker could name the work folder
    assert len(folders) > 20


def test_a_kill_while_the_first_marker_is_written_is_no_hindrance(tmp_path: Path) -> None:
    whole = Marker(kind=KIND, files={}).text()
    for length in range(0, len(whole), 7):
        out = tmp_path / str(length)
        out.mkdir()
        (out / MARKER).write_text(whole[:length])
        write(out, {"a": "1"})
        assert content(out) == {"a": "1"}


def is_still(entry: Entry | None, text: str) -> bool:
    """Whether a file still holds what was written."""
    return entry is not None and not entry.is_folder and entry.text == text


@settings(max_examples=60, deadline=None)
@given(
    trees(("a", "b", "c", MARKER, f"{WORK_PREFIX}x", "deep")),
    st.sampled_from([None, KIND, OTHER]),
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=2)),
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.text(max_size=2)), max_size=3),
)
def test_no_foreign_file_ever_changes(
    tree: Mapping[str, str | None],
    earlier: str | None,
    wrote: dict[str, str],
    runs: list[dict[str, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        if earlier is not None:
            write(out, wrote, kind=earlier)
        plant(out, tree)
        # A file with the very bytes that the command wrote cannot be told from its own.
        planted = Tree.of(out)
        own: set[str] = set()
        if earlier == KIND:
            own = {n for n, text in wrote.items() if is_still(planted.get(n), text)}
        for run in runs:
            before = Tree.of(out)
            marker = before.get(MARKER)
            try:
                write(out, run)
            except OutputRefused:
                assert Tree.of(out) == before
            else:
                foreign = before.keys() - own - {MARKER}
                after = Tree.of(out)
                assert {name: after.get(name) for name in foreign} == {
                    name: before[name] for name in foreign
                }
                assert not foreign or marker is not None
                assert {name: after[name].text for name in run} == run
                own = set(run)
        shutil.rmtree(out, ignore_errors=True)
        assert os.listdir(folder) == []  # noqa: PTH208
