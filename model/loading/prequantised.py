"""Model folders that were quantised before: which run here. This module imports no torch."""

from collections.abc import Mapping
from typing import Any, cast

# How people call the methods that config.json names in lower case.
_NAMES = {
    "gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "hqq": "HQQ", "aqlm": "AQLM", "torchao": "torchao",
    "compressed-tensors": "compressed-tensors", "gguf": "GGUF", "mxfp4": "MXFP4",
}  # fmt: skip
_BITSANDBYTES = "bitsandbytes"
_FIELDS = ("quantization_config", "compression_config")
_INSTEAD = (
    "take the model in 16 bits (it is quantised to 4 bits as it is loaded), or one in "
    "bitsandbytes' 4 bits"
)


def is_prequantised(config: Mapping[str, Any]) -> bool:
    """Whether config.json, whose fields are `config`, says that the weights are quantised."""
    return any(config.get(field) is not None for field in _FIELDS)


def quantisation_refusal(base_id: str, config: Mapping[str, Any]) -> str | None:
    """Why a folder quantised in this way does not run; None where it does, or is not quantised.

    One line, which names the method and what to take instead.
    """
    found = next((config[field] for field in _FIELDS if config.get(field) is not None), None)
    if found is None:
        return None
    if not isinstance(found, Mapping):
        return f"{base_id} is quantised in a way that its config.json does not tell: {_INSTEAD}"
    method = _method(cast("Mapping[str, Any]", found))
    if method is None:
        return None
    return f"{base_id} is quantised with {method}, which does not run here: {_INSTEAD}"


def _method(found: Mapping[str, Any]) -> str | None:
    """The method's name in words; None for bitsandbytes' 4 bits."""
    four, eight = (
        bool(found.get(f"load_in_{bits}bit") or found.get(f"_load_in_{bits}bit")) for bits in (4, 8)
    )
    method = str(found.get("quant_method") or (_BITSANDBYTES if four or eight else "")).lower()
    if method.startswith(_BITSANDBYTES):
        if eight or method.endswith("8bit"):
            return "bitsandbytes' 8 bits"
        kind = found.get("bnb_4bit_quant_type", "nf4")
        return None if kind in ("nf4", "fp4") else f"bitsandbytes' {kind!r}"
    return _NAMES.get(method, repr(method) if method else "a method without a name")
