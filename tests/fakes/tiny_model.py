"""A tiny random model with its tokenizer, and adapters for it, made in a second."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from model.loading.adapters import load_adapter
from model.loading.base import ResolvedBase, no_progress
from model.loading.manifest import (
    AdapterManifest,
    BaseRecord,
    DataRecord,
    write_manifest,
)

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
QWEN_ROPE = {"rope_type": "default", "rope_theta": 1_000_000.0}
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "initializer_range": 0.2,
}


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with ChatML's control tokens."""
    return byte_level_tokenizer(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        eos_token="<|im_end|>",
        chat_template=TEMPLATE,
    )


def byte_level_tokenizer(
    control: Sequence[str],
    more_text: Sequence[str] = (),
    pieces: str | None = None,
    **options: str,
) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with these control tokens, trained on a line and on `more_text`.

    Text is cut into `pieces` (a regular expression) before it is merged, as GPT-2 does when None.
    `options` go to the tokenizer (`bos_token`, `eos_token`, `chat_template`).
    """
    tokenizer = Tokenizer(BPE())
    by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pieces is None)
    if pieces is None:
        tokenizer.pre_tokenizer = by_bytes
    else:
        cut = pre_tokenizers.Split(Regex(pieces), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, by_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=400,
        special_tokens=list(control),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    text = ["user assistant system hello there opinion", *more_text]
    tokenizer.train_from_iterator(text * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)


def make_tiny(
    folder: Path,
    *,
    seed: int = 0,
    family: str = "llama",
    tokenizer: PreTrainedTokenizerFast | None = None,
    **sizes: Any,
) -> Path:
    """Write a random Llama, Mistral or Qwen 2.5 into `folder`, with the tiny tokenizer unless told.

    Biases are random too, and Qwen's head is its embedding, as in its small models.
    """
    torch.manual_seed(seed)
    tokenizer = tokenizer or tiny_tokenizer()
    options = {**SIZES, "vocab_size": len(tokenizer), **sizes}
    if family == "llama":
        model: PreTrainedModel = LlamaForCausalLM(LlamaConfig(**options))
    elif family == "mistral":
        model = MistralForCausalLM(MistralConfig(**options))
    else:
        tied = {"tie_word_embeddings": True, "rope_parameters": QWEN_ROPE}
        model = Qwen2ForCausalLM(Qwen2Config(**tied, **options))
    with torch.no_grad():
        for name, bias in model.named_parameters():
            if name.endswith("bias"):
                bias.normal_(0, 0.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapter(base: Path, folder: Path, *, seed: int = 1, rank: int = 8, **options) -> Path:
    """Write a random adapter for the model in `base`, strong enough to change what it says."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, **{"target_modules": LINEARS, **options})
    adapted = get_peft_model(model, config)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.normal_(0, 0.2)
    adapted.save_pretrained(str(folder))
    return folder


def make_whole_adapter(base: ResolvedBase, folder: Path, *, seed: int = 1, **options) -> str:
    """An adapter with its manifest; the hash that it is served with."""
    make_adapter(base.folder, folder, seed=seed, **options)
    config = AutoConfig.from_pretrained(base.folder)
    hash_ = load_adapter(folder.name, str(folder), base, config, no_progress).hash
    manifest = AdapterManifest(
        name=folder.name,
        base=BaseRecord(id=base.id, hash=base.hash),
        adapter_hash=hash_,
        data=DataRecord(path="pairs.jsonl", sha256="0", rows=1, licence="CC0-1.0"),
        config={},
        code_version="0",
        figures={},
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
    write_manifest(folder, manifest)
    return hash_
