"""Which base models run here, in serving and in training alike. This module imports no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from model.loading.prequantised import quantisation_refusal

# transformers' classes by what people call their models. All have the same block: RMSNorm, rotary
# grouped-query attention, gated SiLU, and linears with a bias or without.
SUPPORTED = {
    "LlamaForCausalLM": "Llama, SmolLM2, TinyLlama",
    "MistralForCausalLM": "Mistral, Zephyr",
    "Qwen2ForCausalLM": "Qwen 2.5",
}
_ACTIVATION = "silu"
_SHOWN = 80  # characters of a wrong value


def refusal(base_id: str, config: Mapping[str, Any]) -> str | None:
    """Why a model with the fields `config` of its config.json does not run; None where it does.

    One line, which lists what runs.
    """
    listed = ", ".join(f"{kind} ({models})" for kind, models in SUPPORTED.items())
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names else None
    if not isinstance(name, str) or not name:
        told = (
            f"architectures is {json.dumps(names)[:_SHOWN]}" if names else "it lacks architectures"
        )
        return (
            f"{base_id}: its config.json does not say what it is ({told}): add the name of its "
            f'class, as in "architectures": ["LlamaForCausalLM"]; supported are {listed}'
        )
    if name not in SUPPORTED:
        return f"{base_id} is a {name}, which does not run here; supported are {listed}"
    if (activation := config.get("hidden_act", _ACTIVATION)) != _ACTIVATION:
        return f"{base_id} has the activation {activation!r}; supported is {_ACTIVATION!r}"
    return None


def folder_refusal(name: str) -> str | None:
    """The same for a folder `name`; None also where there is no config.json that can be read."""
    try:
        folder = Path(name).expanduser().resolve()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: an unknown ~person
        return None
    if not isinstance(config, dict):
        return None
    fields = cast("dict[str, Any]", config)
    return refusal(folder.name, fields) or quantisation_refusal(folder.name, fields)
