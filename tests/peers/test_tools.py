"""What the live tests use: finding llama.cpp, and the adapter in its format."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from safetensors.torch import load_file

from model.loading.adapter_sources import SHIPPED_ADAPTER
from tests.peers.lora_gguf import write_lora_gguf
from tests.programs.llama_cpp import VARIABLE, llama_cpp

HEADS = {"num_attention_heads": 9, "num_key_value_heads": 3}


def put(folder: Path, code: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "llama-server").write_text(f"#!/bin/sh\nexit {code}\n")
    (folder / "llama-server").chmod(0o755)
    return folder / "llama-server"


def test_the_newest_in_the_cache_that_runs_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert llama_cpp("llama-server") is None
    cache = tmp_path / "fungpt" / "llama.cpp"
    runs = put(cache / "1.0.0-ours", 0)
    put(cache / "2.0.0-another-processors", 132)  # ends by an illegal instruction
    assert llama_cpp("llama-server") == runs
    assert llama_cpp("llama-bench") is None


def test_a_folder_that_is_named_is_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    put(tmp_path / "fungpt" / "llama.cpp" / "1-x", 0)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "mine"))
    assert llama_cpp("llama-server") is None
    assert llama_cpp("llama-server") or put(tmp_path / "mine", 0) == llama_cpp("llama-server")


def test_the_adapter_keeps_its_values_in_llama_cpps_order(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps(HEADS))
    write_lora_gguf(SHIPPED_ADAPTER, tmp_path, tmp_path / "tuned.gguf")
    written = {one.name: one.data for one in GGUFReader(tmp_path / "tuned.gguf").tensors}
    ours = load_file(SHIPPED_ADAPTER / "adapter_model.safetensors")
    assert len(written) == len(ours)

    def theirs(name: str) -> np.ndarray:
        tensor = ours[f"base_model.model.model.layers.3.{name}.weight"]
        return tensor.to(torch.float32).numpy()

    same = written["blk.3.ffn_down.weight.lora_a"]
    np.testing.assert_array_equal(same, theirs("mlp.down_proj.lora_A"))
    turned, plain = written["blk.3.attn_k.weight.lora_b"], theirs("self_attn.k_proj.lora_B")
    size = len(plain) // HEADS["num_key_value_heads"]
    # Rows 0 and 1 there are the first of each half of the first head here.
    np.testing.assert_array_equal(turned[:2], plain[[0, size // 2]])
    np.testing.assert_array_equal(turned[size + 2], plain[size + 1])
