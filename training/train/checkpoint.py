"""Checkpoints: everything that an unfinished training needs to go on, in one file.

The file is replaced as a whole, so a crash leaves the last one intact. Tensors are in the
safetensors format and the rest is JSON in its header; nothing is pickled.
"""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from data.files.file_lock import hold_lock
from data.files.new_file import sync
from data.files.output_folder import claim_output, release_output
from training.artifacts.figures import CURVE, FIGURES
from training.errors import CheckpointError, OtherJobError
from training.train.optimiser import Slots

JOB = "job.json"
LAST = "last.safetensors"
LOCK = "lock"
KIND = "python -m training train, unfinished"
Weights = dict[str, Tensor]


@dataclass(slots=True)
class TrainState:
    """How far training has come.

    Losses are per reply token; `base_loss` is the one before the first step. Step 0 is the best one
    until another is better; `trained_loss` is the lowest of the others. `bad_validations` is how
    many validations since the best one were not better. `tokens` are those trained on, with
    prompts and without padding.
    """

    step: int = 0
    base_loss: float = float("nan")
    best_loss: float = float("inf")
    best_step: int = 0
    trained_loss: float = float("inf")
    bad_validations: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Checkpoint:
    """The state, the last and the best adapter, and the optimiser's state of each parameter."""

    state: TrainState
    adapter: Weights
    best: Weights
    optimiser: list[Slots] = field(default_factory=list)


class Checkpoints:
    """The work folder of one job, with its last checkpoint and the identity of the job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: ExitStack | None = None

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint."""
        return (self.folder / LAST).is_file()

    def open(self, job: Mapping[str, Any], *, fresh: bool = False) -> None:
        """Lock the folder for a job, whose identity is `job`, and keep its last checkpoint.

        With `fresh` a checkpoint is thrown away first. Raises OtherJobError when the checkpoint
        belongs to another job (naming what differs) or another process uses the folder,
        CheckpointError when the folder's files are damaged or cannot be written, and OutputRefused
        when the folder holds what no training wrote.
        """
        self._lock()
        try:
            if fresh or not self.begun:
                self._clear()
                text = json.dumps(job, indent=2, ensure_ascii=False) + "\n"
                write_whole(self.folder / JOB, text.encode())
            else:
                self._check(job)
        except BaseException:
            self.close()
            raise

    def _check(self, job: Mapping[str, Any]) -> None:
        try:
            was = json.loads((self.folder / JOB).read_bytes())
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{self.folder / JOB} is damaged ({error}): start anew with --fresh"
            ) from error
        if differs := [key for key in {**was, **job} if was.get(key) != job.get(key)]:
            key = differs[0]
            raise OtherJobError(
                f"{self.folder} holds an unfinished training with another {key} "
                f"({was.get(key)!r}, not {job.get(key)!r}): finish that one, give another --work, "
                "or throw it away with --fresh"
            )

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint.

        Raises CheckpointError when that fails; the last checkpoint is then still there.
        """
        tensors = {f"adapter/{name}": tensor for name, tensor in checkpoint.adapter.items()}
        tensors |= {f"best/{name}": tensor for name, tensor in checkpoint.best.items()}
        counts: dict[str, int] = {}
        for place, slots in enumerate(checkpoint.optimiser):
            for name, value in slots.items():
                if isinstance(value, Tensor):
                    tensors[f"optimiser/{place}/{name}"] = value
                else:
                    counts[f"{place}/{name}"] = value
        about = {"state": asdict(checkpoint.state), "counts": counts}
        # Copies: safetensors refuses tensors that share memory, as bitsandbytes' tables do.
        plain = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        write_whole(self.folder / LAST, save(plain, {"about": json.dumps(about)}))

    def last(self) -> Checkpoint | None:
        """The last checkpoint, or None before the first; CheckpointError when it is damaged."""
        path = self.folder / LAST
        if not self.begun:
            return None
        try:
            with safe_open(path, "pt") as file:
                about = cast("dict[str, Any]", json.loads(file.metadata()["about"]))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                checkpoint = Checkpoint(TrainState(**about["state"]), {}, {})
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"{path} is damaged ({error}): start anew with --fresh"
            ) from error
        slots: dict[int, Slots] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            if part == "optimiser":
                place, _, slot = rest.partition("/")
                slots.setdefault(int(place), {})[slot] = tensor
            else:
                cast("Weights", getattr(checkpoint, part))[rest] = tensor
        for name, count in cast("dict[str, int]", about["counts"]).items():
            place, _, slot = name.partition("/")
            slots.setdefault(int(place), {})[slot] = count
        checkpoint.optimiser = [slots[place] for place in sorted(slots)]
        return checkpoint

    def remove(self) -> None:
        """Delete what was written here, and the folder if nothing else lies in it."""
        self._clear()
        (self.folder / LOCK).unlink(missing_ok=True)
        release_output(self.folder)
        self._release()

    def leave_figures(self) -> None:
        """Delete the checkpoint and release the folder; the figures and their curve stay."""
        for name in (LAST, JOB, LOCK):  # the checkpoint first: it would be continued
            (self.folder / name).unlink(missing_ok=True)
        self._release()

    def close(self) -> None:
        """Release the folder for other processes; without a checkpoint, delete what is there."""
        if self._held is not None and not self.begun:
            self.remove()
        self._release()

    def _release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def _clear(self) -> None:
        for name in (JOB, LAST, FIGURES, CURVE):
            (self.folder / name).unlink(missing_ok=True)
            _partial(self.folder / name).unlink(missing_ok=True)

    def _lock(self) -> None:
        """Hold the folder until `close`, or until this process ends in any way.

        Raises OtherJobError when another process holds it, OSError where the disk has no locks.
        """
        claim_output(self.folder, KIND, _NAMES)
        held = ExitStack()
        try:
            held.enter_context(hold_lock(self.folder / LOCK))
        except TimeoutError as error:
            raise OtherJobError(f"another training is at work in {self.folder}") from error
        self._held = held


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


_NAMES = (
    LOCK,
    *(name for file in (JOB, LAST, FIGURES, CURVE) for name in (file, f".{file}.partial")),
)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that after a crash the old or the new one is there, whole.

    Raises CheckpointError naming the file when the disk is full or broken.
    """
    partial = _partial(path)
    try:
        with partial.open("wb") as file:
            write_all(file, content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync(path.parent)  # the rename itself
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error


def write_all(file: BinaryIO, content: bytes) -> None:
    """Write all bytes; the one place where a disk can be full, so that a test can fill it."""
    file.write(content)
