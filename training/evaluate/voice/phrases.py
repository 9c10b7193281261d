"""Does an answer hide behind being a machine, does it take a position?

The classifier (`classifier`) counts words, letters and word classes and knows nothing of meaning,
so its counts go beside the answers themselves, never in their place. How often it is right is
measured on wording that it has not seen (`labelled`, which also says what the labels mean).
"""

from collections.abc import Sequence

from training.evaluate.voice.classifier import Label, shipped


def has_disclaimer(answer: str) -> bool:
    """Whether the speaker takes itself out: as a machine, refusing, neutral or lecturing."""
    return shipped().has(Label.DISCLAIMER, answer)


def takes_position(answer: str) -> bool:
    """Whether the answer commits itself to a verdict, a choice or advice, disclaimer or not."""
    return shipped().has(Label.POSITION, answer)


def disclaimer_share(answers: Sequence[str]) -> float:
    """The share of answers with a disclaimer or a refusal, 0 to 1; 0 without answers."""
    return sum(map(has_disclaimer, answers)) / max(len(answers), 1)
