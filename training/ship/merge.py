"""Merging an adapter into its base: the result is an ordinary 16-bit model."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from data.files.output_folder import check_output, output_folder
from model.loading.adapters import Adapter, load_adapter, weight_name
from model.loading.base import ResolvedBase, no_progress
from model.loading.manifest import BaseRecord, read_manifest
from model.loading.quantised import check_architecture
from training.errors import MergeError
from training.ship.merge_record import README, RECORD, MergeRecord, readme

KIND = "python -m training merge"
_INDEX = "model.safetensors.index.json"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.gguf", "*.h5", "*.msgpack", "*.onnx")
_NOT_COPIED = (*_WEIGHTS, _INDEX, RECORD, README, ".*")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Merged:
    """What was made: the folder, how many matrices were changed, and the bytes of all weights."""

    folder: Path
    changed: int
    size: int


def merge(
    base: ResolvedBase, adapter: Path, out: Path, say: Say, dtype: torch.dtype = torch.bfloat16
) -> Merged:
    """Write the base with W + scaling·B·A in place of every adapted W into the folder `out`.

    The sum is computed in float32 and rounded once to `dtype`. One file of the base is in memory
    at a time. Raises MergeError if the base cannot be merged into, or if `out` and one of the
    inputs lie in each other, OutputRefused if `out` holds what `merge` did not write,
    AdapterMismatch or ConfigError if the adapter does not fit the base.
    """
    _check_out(out, base, adapter)
    files = _weights(base)
    loaded = load_adapter(adapter.name, str(adapter), base, check_architecture(base), no_progress)
    deltas = {weight_name(*place): place for place in loaded.pairs}
    with output_folder(out, KIND) as work:
        size = 0
        for number, file in enumerate(files, 1):
            say(f"merging {file.name} ({number} of {len(files)})")
            size += _merge_file(file, work / file.name, loaded, deltas, dtype)
        if deltas:
            raise MergeError(f"{base.id} has no {next(iter(deltas))}, which the adapter changes")
        _copy_rest(base.folder, work, dtype, size)
        record = MergeRecord(
            base=BaseRecord(id=base.id, hash=base.hash),
            adapter_hash=loaded.hash,
            adapter=read_manifest(adapter),
            dtype=str(dtype).removeprefix("torch."),
            created=datetime.now(UTC),
        )
        (work / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (work / README).write_text(readme(out.name, record), encoding="utf-8")
    return Merged(out, len(loaded.pairs), size)


def _check_out(out: Path, base: ResolvedBase, adapter: Path) -> None:
    target = out.resolve()
    for source in (base.folder.resolve(), adapter.resolve()):
        if target == source or target in source.parents or source in target.parents:
            raise MergeError(f"{out} and {source} lie in each other: choose another folder")
    check_output(out, KIND)


def _weights(base: ResolvedBase) -> list[Path]:
    config = json.loads((base.folder / "config.json").read_text(encoding="utf-8"))
    if config.get("quantization_config"):
        raise MergeError(f"{base.id} is quantised itself: merge into its 16-bit original")
    files = sorted(base.folder.glob("model*.safetensors"))
    if not files:
        raise MergeError(f"{base.folder} holds no model*.safetensors to merge into")
    return files


def _merge_file(
    source: Path,
    target: Path,
    adapter: Adapter,
    deltas: dict[str, tuple[int, str]],
    dtype: torch.dtype,
) -> int:
    """Merge one file and return the bytes of its tensors; what was merged leaves `deltas`."""
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(source, framework="pt") as held:
            for name in held.keys():  # noqa: SIM118 - not a dict
                weight = held.get_tensor(name)
                place = deltas.pop(name, None)
                if place is not None:
                    weight = weight.float() + adapter.pairs[place].delta()
                tensors[name] = weight.to(dtype) if weight.is_floating_point() else weight
        save_file(tensors, target, metadata={"format": "pt"})
        shutil.copymode(source, target)  # the library makes a file that only its owner may read
    except SafetensorError as error:
        raise MergeError(f"{source} or {target} failed: {error}") from error
    return sum(tensor.nbytes for tensor in tensors.values())


def _copy_rest(source: Path, target: Path, dtype: torch.dtype, size: int) -> None:
    """Copy everything but the weights: tokenizer, chat template, configuration."""
    left_out = shutil.ignore_patterns(*_NOT_COPIED)
    names = {path.name for path in source.iterdir() if path.is_file()}
    for name in names - left_out(str(source), list(names)):
        shutil.copyfile(source / name, target / name)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    kind = str(dtype).removeprefix("torch.")
    config |= {key: kind for key in ("dtype", "torch_dtype") if key in config} or {"dtype": kind}
    _write_json(target / "config.json", config)
    if (source / _INDEX).is_file():
        index = json.loads((source / _INDEX).read_text(encoding="utf-8"))
        index["metadata"] = {**index.get("metadata", {}), "total_size": size}
        _write_json(target / _INDEX, index)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
