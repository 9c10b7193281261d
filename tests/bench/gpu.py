"""The engine on a GPU beside `generate`: a random-weight Mistral-7B in NF4, base and tuned rows.

`python -m tests.bench.gpu --folder DIR` makes the weights in DIR first; no hub is needed.
"""

import argparse
import time
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from model.assembly import build_engine, stack_adapters
from model.engine.api import TokenRequest
from model.engine.engine import TokenEngine
from model.loading.adapters import load_adapter
from model.loading.base import resolve_base
from model.loading.quantised import check_architecture, load_quantised
from model.runner.weights import Compute, take_weights
from model.sampling import SamplingParams
from tests.bench.table import markdown
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import LINEARS, tiny_tokenizer

PROMPT = 300
TOKENS = 64
AT_ONCE = (1, 4, 16)


def make_base(folder: Path, layers: int) -> None:
    """A random Mistral-7B (or a shorter one) with a tokenizer."""
    torch.manual_seed(0)
    config = MistralConfig(num_hidden_layers=layers, dtype=torch.bfloat16, sliding_window=None)
    with torch.device("cuda"):
        previous = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        model = MistralForCausalLM(config)
        torch.set_default_dtype(previous)
    model.save_pretrained(folder)
    tokenizer: PreTrainedTokenizerFast = tiny_tokenizer()
    tokenizer.save_pretrained(folder)


def make_adapter(model: torch.nn.Module, folder: Path) -> PeftModel:
    """A random r16 adapter on all linears, saved, and the model with it."""
    adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=LINEARS))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.02)
    adapted.save_pretrained(str(folder))
    return adapted.eval()


def generate(model: PeftModel, variant: str, rows: int) -> tuple[float, list[int]]:
    """Tokens per second over the batch, prompt included, and the first row's ids."""
    ids = prompt_ids()[None].repeat(rows, 1).cuda()
    options = {"max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "do_sample": False}
    torch.cuda.synchronize()
    begun = time.perf_counter()
    with torch.inference_mode():
        call = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pad_token_id": 0}
        if variant == "base":
            with model.disable_adapter():
                out = model.generate(**call, **options)
        else:
            out = model.generate(**call, **options)
    torch.cuda.synchronize()
    return rows * TOKENS / (time.perf_counter() - begun), out[0, PROMPT:].tolist()


def prompt_ids() -> torch.Tensor:
    """The one prompt."""
    return torch.randint(3, 30000, (PROMPT,), generator=torch.Generator().manual_seed(1))


def run(engine: TokenEngine, variants: list[str]) -> tuple[float, dict[str, list[int]]]:
    """Tokens per second over all rows, prompt included, and each row's ids."""
    out: dict[str, list[int]] = {str(i): [] for i in range(len(variants))}
    params = SamplingParams(max_tokens=TOKENS, temperature=0)
    begun = time.perf_counter()
    for i, variant in enumerate(variants):
        engine.add(TokenRequest(str(i), tuple(prompt_ids().tolist()), variant, params))
    while engine.has_work():
        for output in engine.step():
            if output.token_id is not None:
                out[output.id].append(output.token_id)
    return len(variants) * TOKENS / (time.perf_counter() - begun), out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=32)
    options = parser.parse_args()
    folder = options.folder
    make_base(folder / "base", options.layers)
    base = resolve_base(str(folder / "base"), folder, print)
    model, _ = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    reference = make_adapter(model, folder / "adapter")
    config = check_architecture(base)
    adapter = load_adapter("tuned", str(folder / "adapter"), base, config, print)
    fresh, _ = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
    weights = take_weights(fresh, Compute.NF4, 2048)
    del fresh
    settings = worker_settings(kv_cache_mb=4096, max_running=16, prefill_chunk=2048)
    stacks = stack_adapters([adapter], config, weights)
    engine = build_engine(settings, weights, stacks, set(), 2048)
    rows: list[list[str]] = []
    for name, pattern in (("base", ["base"]), ("tuned", ["tuned"]), ("mixed", ["base", "tuned"])):
        for count in AT_ONCE:
            variants = (pattern * count)[:count]
            run(engine, variants)
            ours, out = run(engine, variants)
            theirs, said = generate(reference, "tuned" if name == "tuned" else "base", count)
            same = sum(a == b for a, b in zip(out["0"], said, strict=True))
            rows.append([name, str(count), f"{ours:.0f}", f"{theirs:.0f}", f"{same}/{TOKENS}"])
    print(torch.cuda.get_device_name(), torch.__version__)
    print(markdown(("rows", "at once", "engine tok/s", "generate tok/s", "same ids"), rows))
    print(f"peak {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
