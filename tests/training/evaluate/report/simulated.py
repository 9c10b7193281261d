"""Evaluations of answers that no model gave, drawn so that one knows what is true of them."""

from dataclasses import dataclass
from random import Random

import numpy as np

from data.files.datasets import PAIRS, read_pairs
from tests.training.evaluate.report.conftest import make_evaluation
from training.evaluate.estimates import VariantAnswers
from training.evaluate.result import Evaluation

_DISCLAIMER = "As an AI, I don't have opinions."
_POOL = tuple(read_pairs(PAIRS))


@dataclass(frozen=True)
class Sampler:
    """A variant that answers with replies of the sample pairs.

    `disclaims`, `copies` and `loops` are the chances of a disclaimer, of an answer that shares
    many words with the training side, and of one that says everything twice. `loss` is the mean
    loss of a row's reply in nats, of which half is the row's own and the same for all variants.
    """

    disclaims: float = 0.15
    copies: float = 0.1
    loops: float = 0.1
    loss: float = 60.0

    def answers(self, replies: list[str], random: Random) -> VariantAnswers:
        texts = [self._text(reply, random) for reply in replies]
        own = [random.gauss(self.loss / 2, 8) for _ in replies]
        shared = [10 + 40 * (len(reply) % 17) / 17 for reply in replies]
        losses = np.column_stack([np.add(own, shared), [20.0] * len(replies)])
        overlaps = [9 if random.random() < self.copies else random.randint(0, 5) for _ in replies]
        return VariantAnswers(texts, overlaps, [False] * len(replies), losses)

    def _text(self, reply: str, random: Random) -> str:
        other = random.choice(_POOL).reply
        mixed = " ".join(
            random.choice(pair) for pair in zip(reply.split(), other.split(), strict=False)
        )
        text = _DISCLAIMER if random.random() < self.disclaims else mixed
        return f"{text} {text}" if random.random() < self.loops else text


def evaluate_simulated(
    variants: dict[str, Sampler], rows: int, seed: int, draws: int = 60
) -> Evaluation:
    """An evaluation of these variants on `rows` replies that are drawn with the seed."""
    random = Random(seed)
    replies = [random.choice(_POOL).reply for _ in range(rows)]
    answered = {name: one.answers(replies, random) for name, one in variants.items()}
    return make_evaluation(answered, replies=replies, draws=draws, seed=seed)
