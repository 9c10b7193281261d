"""Checkpoints: where training stands, in one file that is whole or not there.

No pickle: tensors in the safetensors format, the rest as JSON in its header. A checkpoint holds
the last adapter, the best one and what the optimiser remembers.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from training.errors import CheckpointError, OtherJobError
from training.optimiser import Slots

JOB = "job.json"
LAST = "last.safetensors"
Weights = dict[str, Tensor]


@dataclass(slots=True)
class Standing:
    """How far training is. Losses are per reply token; `misses` counts validations without a
    better loss in a row; `tokens` are those learned from, prompts included, padding not."""

    step: int = 0
    base_loss: float = float("nan")
    best_loss: float = float("inf")
    best_step: int = 0
    misses: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Checkpoint:
    """All that the same training needs to go on as if it had never stopped."""

    standing: Standing
    adapter: Weights
    best: Weights
    optimiser: list[Slots] = field(default_factory=list)


class Checkpoints:
    """The work folder of one job: what it belongs to, and its last checkpoint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, job: Mapping[str, Any], *, fresh: bool = False) -> None:
        """Make the folder for a job, or find it as the same job left it.

        Raises OtherJobError, naming what differs, when it belongs to another one; `fresh` throws
        that away.
        """
        if fresh:
            self.remove()
        told = self.folder / JOB
        if told.is_file():
            was = cast("dict[str, Any]", json.loads(told.read_text(encoding="utf-8")))
            if differs := [key for key in {**was, **job} if was.get(key) != job.get(key)]:
                raise OtherJobError(
                    f"{self.folder} holds an unfinished training with another {differs[0]} "
                    f"({was.get(differs[0])!r}, not {job.get(differs[0])!r}): finish it with its "
                    "own settings, give another --work, or throw it away with --fresh"
                )
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(job, indent=2, ensure_ascii=False) + "\n"
        write_whole(told, text.encode())

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint in the place of the last one; CheckpointError leaves that as it is."""
        tensors = {f"adapter/{name}": tensor for name, tensor in checkpoint.adapter.items()}
        tensors |= {f"best/{name}": tensor for name, tensor in checkpoint.best.items()}
        counts: dict[str, int] = {}
        for place, slots in enumerate(checkpoint.optimiser):
            for name, value in slots.items():
                if isinstance(value, Tensor):
                    tensors[f"optimiser/{place}/{name}"] = value
                else:
                    counts[f"{place}/{name}"] = value
        about = {"standing": asdict(checkpoint.standing), "counts": counts}
        # Copies: safetensors refuses tensors that share memory, as bitsandbytes' tables do.
        plain = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        write_whole(self.folder / LAST, save(plain, {"about": json.dumps(about)}))

    def last(self) -> Checkpoint | None:
        """The last checkpoint, None before the first; CheckpointError when it is damaged."""
        path = self.folder / LAST
        if not path.is_file():
            return None
        try:
            with safe_open(path, "pt") as file:
                about = cast("dict[str, Any]", json.loads(file.metadata()["about"]))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} is damaged ({error}): start anew with --fresh"
            ) from error
        checkpoint = Checkpoint(Standing(**about["standing"]), {}, {})
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
        """The adapter is made, or a new beginning wanted: the folder goes."""
        shutil.rmtree(self.folder, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that after a crash the old or the new one is there, whole.

    Raises CheckpointError naming the file when the disk is full or broken.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            _write(file, content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error


def _write(file: BinaryIO, content: bytes) -> None:
    file.write(content)


def _sync_folder(folder: Path) -> None:
    """Let the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
