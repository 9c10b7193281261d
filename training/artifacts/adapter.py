"""LoRA adapters in peft's format: making one, saving it, putting it onto a base again."""

from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from transformers import PreTrainedModel

from model.loading.base import ResolvedBase
from model.loading.manifest import WEIGHTS, read_manifest
from training.errors import AdapterError, RecipeError
from training.recipe import Lora

_READABLE = 0o644  # safetensors lets nobody but the owner read what it writes


def new_adapter(model: PreTrainedModel, lora: Lora, seed: int) -> PeftModel:
    """Put a new adapter onto a quantised model; only its weights train, and they are float32.

    `seed` decides its first weights. Raises RecipeError when the model lacks a layer to adapt.
    """
    torch.manual_seed(seed)
    config = LoraConfig(
        r=lora.r,
        lora_alpha=cast("int", lora.alpha),
        lora_dropout=lora.dropout,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        target_modules=list(lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )
    try:
        adapted = get_peft_model(model, config)
    except ValueError as error:
        raise RecipeError(f"lora.targets: {error}".splitlines()[0]) from error
    return cast("PeftModel", adapted)


def round_adapter(model: PeftModel) -> None:
    """Round the adapter's weights to values of bfloat16, as they will be saved, kept as float32."""
    _cast(model, torch.bfloat16)
    _cast(model, torch.float32)


def save_adapter(model: PeftModel, folder: Path, base_id: str) -> None:
    """Write the adapter to `folder` in bfloat16, and round the model's own weights to the same.

    The folder names the base by `base_id`: a path on this machine would be of no use elsewhere.
    """
    _cast(model, torch.bfloat16)
    config = cast("LoraConfig", model.peft_config["default"])
    config.base_model_name_or_path = base_id
    # peft makes a set of it, whose order is another in every process.
    config.target_modules = sorted(config.target_modules or ())
    # No embeddings to save, and no look on the hub for a base of this name.
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / WEIGHTS).chmod(_READABLE)
    (folder / "README.md").unlink(missing_ok=True)  # a model card for the hub, empty
    _cast(model, torch.float32)


def _cast(model: PeftModel, dtype: torch.dtype) -> None:
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(dtype)


def check_base(folder: Path, base: ResolvedBase) -> None:
    """Raise AdapterError when a folder holds no adapter or, by its manifest, one of another base.

    The error names both bases.
    """
    _check_there(folder)
    manifest = read_manifest(folder)
    if manifest is not None and manifest.base.hash != base.hash:
        raise AdapterError(
            f"the adapter in {folder} was trained on {manifest.base.id} ({manifest.base.hash}), "
            f"not on {base.id} ({base.hash})"
        )


def apply_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Put a saved adapter onto a model, in float32. Raises AdapterError when it does not fit."""
    _check_there(folder)
    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise AdapterError(f"the adapter in {folder} does not fit this base: {reason}") from error


def _check_there(folder: Path) -> None:
    if not (folder / WEIGHTS).is_file():
        raise AdapterError(f"{folder} holds no {WEIGHTS}: train it with `python -m training train`")
