"""Writes a Llama's LoRA adapter as the GGUF file that llama.cpp reads."""

import json
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFWriter
from safetensors.torch import load_file

_PARTS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip


def write_lora_gguf(adapter: Path, base: Path, target: Path) -> None:
    """Convert the adapter folder of peft for the model folder `base` into the file `target`."""
    model = json.loads((base / "config.json").read_text())
    heads = {
        "self_attn.q_proj": model["num_attention_heads"],
        "self_attn.k_proj": model["num_key_value_heads"],
    }
    writer = GGUFWriter(target, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    alpha = json.loads((adapter / "adapter_config.json").read_text())["lora_alpha"]
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, tensor in sorted(load_file(adapter / "adapter_model.safetensors").items()):
        path, _, kind = name.removesuffix(".weight").rpartition(".lora_")
        number, _, part = path.split(".layers.")[1].partition(".")
        values = tensor.to(torch.float32).numpy()
        if kind == "B" and part in heads:
            values = _rotary_order(values, heads[part])
        writer.add_tensor(f"blk.{number}.{_PARTS[part]}.weight.lora_{kind.lower()}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _rotary_order(rows: np.ndarray, heads: int) -> np.ndarray:
    """The rows as llama.cpp has them: of each head, the two halves that rotate go in turn."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))
