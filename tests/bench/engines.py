"""The demo model as transformers runs it and as our engine does, on the same NF4 weights."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from data.files.datasets import read_prompts
from model.assembly import build_engine, end_ids, stack_adapters
from model.engine.api import AdapterCard, TokenRequest
from model.engine.engine import TokenEngine
from model.loading.adapter_sources import SHIPPED_ADAPTER
from model.loading.adapters import load_adapter
from model.loading.base import no_progress, resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.cpu.weights import take_packed
from model.runner.lora import LoraAdapters
from model.runner.weights import (
    Compute,
    Weights,
    best_compute,
    loading_dtype,
    take_weights,
)
from model.sampling import SamplingParams
from model.text.codec import ChatTurn
from model.text.prompt import PromptRenderer
from tests.fakes.settings import worker_settings

TOKENS = 48
MAX_CONTEXT = 2048
_NUMBERS = itertools.count(100)


@dataclass(frozen=True)
class Bench:
    """Everything that the measurements share."""

    reference: PeftModel
    engines: dict[Compute, TokenEngine]
    prompts: list[list[int]]

    def generate(self, variant: str, index: int) -> float:
        """Tokens per second of one `generate` call, which must give all its tokens."""
        ids = torch.tensor([self.prompts[index]])
        options = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False}
        call = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pad_token_id": 0}
        with torch.inference_mode():
            begun = time.perf_counter()
            if variant == "base":
                with self.reference.disable_adapter():
                    self.reference.generate(**call, **options)
            else:
                self.reference.generate(**call, **options)
            return TOKENS / (time.perf_counter() - begun)

    def run(self, compute: Compute, variants: Sequence[str]) -> float:
        """Tokens per second over all rows, one for each variant given, started together."""
        engine = self.engines[compute]
        begun = time.perf_counter()
        for i, variant in enumerate(variants):
            engine.add(request(str(i), self.prompts[i % len(self.prompts)], variant))
        tokens = 0
        while engine.has_work():
            tokens += sum(output.token_id is not None for output in engine.step())
        return tokens / (time.perf_counter() - begun)


def request(
    id_: str, prompt: Sequence[int], variant: str, tokens: int = TOKENS, *, new: bool = True
) -> TokenRequest:
    """A greedy request; the bench's engines know no end token, so it gives all its tokens.

    If it is to be `new`, its first token is, so that nothing of it was computed before.
    """
    ids = (next(_NUMBERS), *prompt[1:]) if new else tuple(prompt)
    return TokenRequest(id_, ids, variant, SamplingParams(max_tokens=tokens, temperature=0))


@dataclass(frozen=True)
class DemoParts:
    """The demo model's weights as a CPU without our own kernels has them, with its adapter."""

    weights: Weights
    stacks: LoraAdapters
    adapter: AdapterCard
    tokenizer: PreTrainedTokenizerBase


def load_demo(home: Path, context: int = MAX_CONTEXT) -> DemoParts:
    """Load them for a plain runner."""
    base = resolve_base("demo", home, no_progress)
    config = check_architecture(base)
    adapter = load_adapter("tuned", str(SHIPPED_ADAPTER), base, config, no_progress)
    compute = best_compute(torch.device("cpu"))
    dtype = loading_dtype(compute, torch.device("cpu"))
    model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=False)
    weights = take_weights(model, compute, context)
    stacks = stack_adapters([adapter], config, weights)
    return DemoParts(weights, stacks, adapter.card, tokenizer)


def load_bench(home: Path, computes: Sequence[Compute]) -> Bench:
    """Load the demo model and its adapter, as reference and as an engine for each compute path."""
    base = resolve_base("demo", home, no_progress)
    config = check_architecture(base)
    adapter = load_adapter("tuned", str(SHIPPED_ADAPTER), base, config, no_progress)
    engines: dict[Compute, TokenEngine] = {}
    for compute in computes:
        dtype = loading_dtype(compute, torch.device("cpu"))
        model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=False)
        if compute is Compute.INT8:
            weights = take_packed(model, MAX_CONTEXT)
        else:
            weights = take_weights(model, compute, MAX_CONTEXT)
        settings = worker_settings(max_running=8)
        stacks = stack_adapters([adapter], config, weights)
        engines[compute] = build_engine(settings, weights, stacks, set(), MAX_CONTEXT)
    model, tokenizer = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    assert end_ids(model.generation_config, tokenizer)
    reference = PeftModel.from_pretrained(model, str(SHIPPED_ADAPTER)).eval()
    renderer = PromptRenderer(tokenizer)
    texts = [p.prompt for p in read_prompts(SHIPPED_ADAPTER.parents[1] / "prompts.jsonl")[:8]]
    prompts = [renderer.encode([ChatTurn("user", text)]) for text in texts]
    return Bench(reference, engines, prompts)
