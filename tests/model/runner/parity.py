"""The engine beside transformers' `generate` with peft, over the same NF4 weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from model.assembly import build_engine, end_ids, stack_adapters
from model.engine.api import Engine, FinishReason, TokenRequest
from model.engine.engine import TokenEngine
from model.loading.adapters import load_adapter
from model.loading.base import ResolvedBase
from model.loading.quantised import check_architecture, load_quantised
from model.runner.lora import LoraAdapters
from model.runner.weights import Compute, Weights, take_weights
from model.sampling import SamplingParams
from tests.fakes.settings import worker_settings


@dataclass(frozen=True)
class Pair:
    """The same model twice: as transformers runs it, and as the engine does."""

    reference: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    engine: TokenEngine
    weights: Weights
    stacks: LoraAdapters

    def generate(self, prompt: Sequence[int], variant: str, tokens: int) -> list[int]:
        """Greedy ids by transformers and peft, without the end token."""
        ids = torch.tensor([list(prompt)], device=self.reference.device)
        options = {"max_new_tokens": tokens, "do_sample": False, "pad_token_id": 0}
        mask = torch.ones_like(ids)
        model: Any = self.reference
        with torch.inference_mode():
            if variant == "base" and isinstance(model, PeftModel):
                with model.disable_adapter():
                    out = model.generate(input_ids=ids, attention_mask=mask, **options)
            else:
                if isinstance(model, PeftModel):
                    model.set_adapter(variant)
                out = model.generate(input_ids=ids, attention_mask=mask, **options)
        new = out[0, len(prompt) :].tolist()
        ends = end_ids(model.generation_config, self.tokenizer)
        return new[: next((i for i, id_ in enumerate(new) if id_ in ends), None)]


def make_pair(
    base: ResolvedBase,
    adapters: dict[str, Path],
    *,
    compute: Compute = Compute.NF4,
    dtype: torch.dtype = torch.float32,
    **settings: int,
) -> Pair:
    """Load `base` with its adapters both ways; the reference runs without the packed kernel."""
    model, tokenizer = load_quantised(base, compute_dtype=dtype, trainable=True)
    model.eval()
    config = check_architecture(base)
    loaded = [
        load_adapter(name, str(folder), base, config, lambda *_: None)
        for name, folder in adapters.items()
    ]
    weights = take_weights(model, compute, max_context=512)
    stacks = stack_adapters(loaded, config, weights)
    engine = build_engine(
        worker_settings(kv_cache_mb=64, **settings),
        weights,
        stacks,
        end_ids(model.generation_config, tokenizer),
        max_context=512,
    )
    reference: PreTrainedModel | PeftModel = model
    for name, folder in adapters.items():
        if isinstance(reference, PeftModel):
            reference.load_adapter(str(folder), adapter_name=name)
        else:
            reference = PeftModel.from_pretrained(model, str(folder), adapter_name=name)
    reference.eval()
    return Pair(reference, tokenizer, engine, weights, stacks)


def greedy(id_: str, prompt: Sequence[int], variant: str, tokens: int) -> TokenRequest:
    """A greedy request."""
    return TokenRequest(
        id_, tuple(prompt), variant, SamplingParams(max_tokens=tokens, temperature=0)
    )


def run(engine: Engine, arrivals: dict[int, list[TokenRequest]]) -> dict[str, list[int]]:
    """Run requests that arrive before the given steps; each row's ids."""
    out: dict[str, list[int]] = {}
    step = 0
    while engine.has_work() or any(at >= step for at in arrivals):
        for request in arrivals.get(step, []):
            out[request.id] = []
            engine.add(request)
        for output in engine.step():
            if output.token_id is not None:
                out[output.id].append(output.token_id)
            assert output.finish_reason in (None, FinishReason.STOP, FinishReason.LENGTH)
        step += 1
    return out
