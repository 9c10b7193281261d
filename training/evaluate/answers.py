"""Answers of a base and its adapter to fixed prompts, through `generate` of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase

from model.text.prompt import ChatTurn, PromptRenderer
from training.recipe import DATE


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are sampled. Temperature 0 takes the likeliest token at every step."""

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int = 120
    seed: int = 0

    def __str__(self) -> str:
        """The settings as a phrase for a person."""
        how = (
            f"temperature {self.temperature:g}, top_p {self.top_p:g}, seed {self.seed}"
            if self.temperature
            else "greedy"
        )
        penalty = f"repetition penalty {self.repetition_penalty:g}"
        return f"{how}, {penalty}, at most {self.max_tokens} tokens"


@torch.inference_mode()
def answer_all(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    decoding: Decoding,
) -> list[str]:
    """One answer for each prompt, generated as one batch that is padded on the left.

    The prompts are rendered as serving does. The adapter takes part unless it is switched off.
    """
    renderer = PromptRenderer(tokenizer, DATE)
    rows = [renderer.encode([ChatTurn("user", prompt)]) for prompt in prompts]
    longest = max(map(len, rows))
    end = cast("int", tokenizer.eos_token_id)
    ends = sorted({end, *renderer.ends})
    ids = torch.tensor([[end] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    sampling: dict[str, Any] = {"do_sample": False}
    if decoding.temperature:
        sampling = {
            "do_sample": True,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "top_k": 0,
        }
    torch.manual_seed(decoding.seed)
    model.eval()
    output = cast("Any", model).generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        max_new_tokens=decoding.max_tokens,
        repetition_penalty=decoding.repetition_penalty,
        pad_token_id=end,
        eos_token_id=ends,
        **sampling,
    )
    texts = tokenizer.batch_decode(output[:, longest:], skip_special_tokens=True)
    return [text.strip() for text in texts]
