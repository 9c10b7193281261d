"""Pairs as token ids."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from data.files.datasets import Pair, read_pairs
from model.text.prompt import ChatTurn, PromptRenderer
from training.errors import PreparedDataError
from training.prepare.sides import Side

IGNORED = -100  # torch's own mark for positions without a loss


class Row(TypedDict):
    """One example; `labels` is `input_ids` with the prompt's positions ignored."""

    input_ids: list[int]
    labels: list[int]


def read_side(folder: Path, side: Side) -> list[Pair]:
    """One side of a prepared folder; PreparedDataError when it is not there or empty."""
    path = folder / f"{side}.jsonl"
    if not path.is_file():
        raise PreparedDataError(
            f"{path} is missing: make the folder with `python -m training prepare`"
        )
    pairs = read_pairs(path)
    if not pairs:
        raise PreparedDataError(f"{path} is empty: prepare from more pairs")
    return pairs


def encode(pairs: Sequence[Pair], renderer: PromptRenderer, max_tokens: int) -> list[Row]:
    """Each pair as one example, as serving renders it; longer ones than `max_tokens` are left out.

    Raises PreparedDataError when none is short enough.
    """
    rows: list[Row] = []
    for pair in pairs:
        before = [ChatTurn(turn.role, turn.content) for turn in pair.before]
        example = renderer.encode_example([*before, ChatTurn("user", pair.comment)], pair.reply)
        ids, prompt = example.input_ids, example.prompt_length
        if len(ids) <= max_tokens:
            rows.append(Row(input_ids=ids, labels=[IGNORED] * prompt + ids[prompt:]))
    if not rows:
        raise PreparedDataError(f"no pair has {max_tokens} tokens or fewer: raise max_tokens")
    return rows
