"""Pairs of comment and reply as token ids, with the loss on the reply alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from data.files.datasets import Pair, read_pairs
from model.text.prompt import ChatTurn, PromptRenderer
from training.errors import PreparedDataError
from training.prepare.sides import Side

IGNORED = -100  # torch's own mark for positions without a loss


class TokenizedExample(TypedDict):
    """One example. `labels` is a copy of `input_ids` with IGNORED at the prompt's positions."""

    input_ids: list[int]
    labels: list[int]


def read_side(folder: Path, side: Side) -> list[Pair]:
    """The pairs of one side of a prepared folder.

    Raises PreparedDataError when the side's file is missing or empty.
    """
    path = folder / f"{side}.jsonl"
    if not path.is_file():
        raise PreparedDataError(
            f"{path} is missing: make the folder with `python -m training prepare`"
        )
    pairs = read_pairs(path)
    if not pairs:
        raise PreparedDataError(f"{path} is empty: prepare from more pairs")
    return pairs


def encode(
    pairs: Sequence[Pair], renderer: PromptRenderer, max_tokens: int
) -> list[TokenizedExample]:
    """Each pair as one example, with the prompt that serving would render.

    Examples of more than `max_tokens` tokens are left out. Raises PreparedDataError when none is
    short enough.
    """
    examples: list[TokenizedExample] = []
    for pair in pairs:
        before = [ChatTurn(turn.role, turn.content) for turn in pair.before]
        example = renderer.encode_example([*before, ChatTurn("user", pair.comment)], pair.reply)
        ids, prompt = example.input_ids, example.prompt_length
        if len(ids) <= max_tokens:
            labels = [IGNORED] * prompt + ids[prompt:]
            examples.append(TokenizedExample(input_ids=ids, labels=labels))
    if not examples:
        raise PreparedDataError(f"no pair has {max_tokens} tokens or fewer: raise max_tokens")
    return examples
