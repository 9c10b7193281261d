"""A classifier of phrases: does an answer hide behind being a machine, does it take a position?

It looks only for the phrases of `phrase_lists`, in lower case with straight apostrophes.
It knows nothing of meaning, so its counts go beside the answers themselves, never in their place.
How often it is right is measured on sentences labelled by hand (`labelled`).
"""

import re
from collections.abc import Iterable, Sequence

from training.evaluate.voice.phrase_lists import DISCLAIMERS, HEDGES, JUDGEMENTS, OPENINGS

_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|$)|$)")
_FEW_WORDS = 4


def _anywhere(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})(?!\w)")


_DISCLAIMER = _anywhere(phrase for phrases in DISCLAIMERS.values() for phrase in phrases)
_HEDGE = _anywhere(HEDGES)
_JUDGEMENT = _anywhere(JUDGEMENTS)
_OPENING = re.compile(rf"(?:{'|'.join(OPENINGS)})\b")


def has_disclaimer(answer: str) -> bool:
    """Whether the answer hides behind being a machine, refuses, or lectures."""
    return _DISCLAIMER.search(_flat(answer)) is not None


def takes_position(answer: str) -> bool:
    """Whether the answer opens with a verdict or a bare choice, without any hedge or disclaimer.

    A bare choice is a first sentence of at most four words: "Python." or "The bear."
    """
    flat = _flat(answer)
    if not flat or _DISCLAIMER.search(flat) or _HEDGE.search(flat):
        return False
    first, *others = _SENTENCE.findall(flat)
    if first.endswith("?") and not others:
        return False
    is_choice = len(first.split()) <= _FEW_WORDS and not first.endswith("?")
    return bool(is_choice or _OPENING.match(first) or _JUDGEMENT.search(first))


def disclaimer_share(answers: Sequence[str]) -> float:
    """The share of answers with a disclaimer or a refusal, 0 to 1; 0 without answers."""
    return sum(map(has_disclaimer, answers)) / max(len(answers), 1)


def _flat(answer: str) -> str:
    return " ".join(answer.replace("’", "'").casefold().split())
