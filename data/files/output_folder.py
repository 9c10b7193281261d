"""Output folders of commands, in which nothing is changed that the command did not write.

The rule, for every command of every package: an output folder must be new, empty, or the same
command's earlier output, which a marker file says (see `data.files.output_marker`). In an earlier
output only the files are replaced or removed that the marker lists and that nobody has changed
since; whatever else lies there stays. No input may lie inside the output. Everything else is
refused with one line, before anything is written.

After a kill, each file of the folder is the old or the new one, and the marker names both: the
next run of the same command accepts the folder and writes it anew.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from data.errors import OutputRefused
from data.files.new_file import file_sha256, sync
from data.files.output_marker import MARKER, WORK_PREFIX, Marker, marker_bytes

_SHOWN = 3  # names in a refusal


def check_output(target: Path, kind: str, inputs: Iterable[Path] = ()) -> None:
    """Check that the command `kind` may write into the folder `target`; write nothing.

    Commands call this before they begin to work. `inputs` are the files and folders that the
    command reads. Raises OutputRefused, which names what is in the way.
    """
    _refuse_inputs(target, inputs)
    _inspect(target, kind)


@contextmanager
def output_folder(
    target: Path, kind: str, inputs: Iterable[Path] = (), *, keep: bool = False
) -> Generator[Path]:
    """Yield an empty folder; at the end of the block its files become those of `target`.

    They replace all files that earlier runs of the command `kind` wrote there, or with `keep`
    only those of the same names. The folder that is yielded lies inside `target` and may hold
    files only, no folders. If the block raises, `target` is as it was before. Raises
    OutputRefused if `target` is not this command's to write, or if another run writes there, and
    OSError.
    """
    _refuse_inputs(target, inputs)
    _inspect(target, kind)
    is_new = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    try:
        with _locked(target):
            before = _claim(target, kind)
            work = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=target))
            files = work / "files"
            try:
                before.model_copy(update={"work": work.name}).replace(target, work)
                files.mkdir()
                yield files
                _commit(target, before, work, keep=keep)
            finally:
                _tidy(target, work)
    except BaseException:
        if is_new:
            with suppress(OSError):
                target.rmdir()  # does nothing where something is in it
        raise


def claim_output(target: Path, kind: str, names: Iterable[str]) -> None:
    """Make the folder `target` the command's own, to write the files `names` in it at any time.

    For what a command writes bit by bit, such as checkpoints. Raises OutputRefused like
    `output_folder`, and if one of the files is there already and is not this command's.
    """
    _inspect(target, kind)
    target.mkdir(parents=True, exist_ok=True)
    with _locked(target):
        before = _claim(target, kind)
        wanted = {name: () for name in names if name not in before.files}
        if taken := [name for name in wanted if os.path.lexists(target / name)]:
            raise OutputRefused(f"{target} holds {_named(taken)}, which `{kind}` did not write")
        if wanted:
            with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=target) as scratch:
                before.model_copy(update={"files": {**before.files, **wanted}}).replace(
                    target, Path(scratch)
                )


def release_output(target: Path) -> None:
    """Give up a claimed folder: remove the marker, and the folder if nothing is left in it."""
    (target / MARKER).unlink(missing_ok=True)
    with suppress(OSError):
        target.rmdir()


def _refuse_inputs(target: Path, inputs: Iterable[Path]) -> None:
    real = target.resolve()
    for path in inputs:
        # A link is an input itself, and so is what it points to.
        for place in (path.resolve(), path.absolute().parent.resolve() / path.name):
            if place == real or real in place.parents:
                raise OutputRefused(
                    f"{path} is read and lies in the output folder {target}: name another folder"
                )


def _inspect(target: Path, kind: str) -> Marker | None:
    """Return the marker of the command's own earlier output; None if there is nothing at all.

    Raises OutputRefused for everything else.
    """
    if not os.path.lexists(target):
        return None
    if not target.is_dir():
        raise OutputRefused(f"{target} is no folder: name another one")
    names = sorted(path.name for path in target.iterdir())
    if not names or _is_half_claimed(target, names, kind):
        return None
    marker = Marker.read(target)
    if marker is None:
        raise OutputRefused(
            f"{target} holds {_named(names)}, and `{kind}` did not write that: name a new or an "
            "empty folder"
        )
    if marker.kind != kind:
        raise OutputRefused(
            f"{target} holds {_named(sorted(marker.files) or names)}, written by `{marker.kind}` "
            f"and not by `{kind}`: name another folder"
        )
    _refuse_changed(target, marker)
    return marker


def _refuse_changed(target: Path, marker: Marker) -> None:
    if changed := next(marker.changed(target), None):
        raise OutputRefused(
            f"{target / changed} was changed since `{marker.kind}` wrote it: move it away, or name "
            "another folder"
        )


def _is_half_claimed(target: Path, names: list[str], kind: str) -> bool:
    """Whether nothing is there but the beginning of this command's first marker, after a kill."""
    content = marker_bytes(target) if names == [MARKER] else None
    whole = Marker(kind=kind, files={}).text().encode()
    return content is not None and len(content) < len(whole) and whole.startswith(content)


def _claim(target: Path, kind: str) -> Marker:
    """Return the marker of the command's earlier output, or create one in an empty folder."""
    marker = _inspect(target, kind)  # once more: only now nobody else writes
    if marker is None:
        (target / MARKER).unlink(missing_ok=True)  # half of one, at most
        marker = Marker(kind=kind, files={})
        marker.create(target)
    if marker.work is not None:
        shutil.rmtree(target / marker.work, ignore_errors=True)  # a killed run left it
    return marker


@contextmanager
def _locked(target: Path) -> Generator[None]:
    """Hold the folder against other runs; the system lets go of it when the process ends.

    It is the folder itself that is locked, so there is no lock file that could be in the way, as
    with the library `filelock`.
    """
    handle = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputRefused(f"another run writes into {target}: try again later") from error
        yield
    finally:
        os.close(handle)


def _commit(target: Path, before: Marker, work: Path, *, keep: bool) -> None:
    """Put the files of the work folder into their places, and then list them in the marker."""
    made = sorted((work / "files").iterdir())
    if folders := [path.name for path in made if path.is_symlink() or not path.is_file()]:
        raise ValueError(f"{folders[0]} is no file: an output folder holds files only")
    new = {path.name: (file_sha256(path),) for path in made}
    taken = [name for name in new if name not in before.files and os.path.lexists(target / name)]
    if taken:
        raise OutputRefused(
            f"{target} holds {_named(taken)}, which `{before.kind}` did not write: move it away"
        )
    _refuse_changed(target, before)  # somebody may have done so while the command ran
    for path in made:
        sync(path)
    old = dict(before.files)
    both = {name: (*old.get(name, ()), *new.get(name, ())) for name in {**old, **new}}
    Marker(kind=before.kind, files=both, work=work.name).replace(target, work)
    for path in made:
        path.replace(target / path.name)
    kept = old if keep else {}
    for name in old.keys() - new.keys() - kept.keys():
        (target / name).unlink(missing_ok=True)
    sync(target)
    Marker(kind=before.kind, files={**kept, **new}, work=work.name).replace(target, work)


def _tidy(target: Path, work: Path) -> None:
    """Remove the work folder, and the marker if the command has no file in the folder."""
    shutil.rmtree(work / "files", ignore_errors=True)
    marker = Marker.read(target)
    if marker is not None and marker.files:
        marker.model_copy(update={"work": None}).replace(target, work)
    else:
        (target / MARKER).unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def _named(names: list[str]) -> str:
    """Name the first few of several files, and say how many more there are."""
    shown = [name if name.isprintable() else ascii(name) for name in names[:_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
