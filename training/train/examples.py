"""Pairs of comment and reply as token ids, with the loss on the reply alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from data.files.datasets import Pair, read_pairs
from model.errors import BadParameter
from model.text.prompt import ChatTurn, PromptRenderer
from training.errors import PreparedDataError
from training.prepare.sides import Side

IGNORED = -100  # torch's own mark for positions without a loss


class TokenizedExample(TypedDict):
    """One example. `labels` is a copy of `input_ids` with IGNORED at the prompt's positions."""

    input_ids: list[int]
    labels: list[int]


def side_file(folder: Path, side: Side) -> Path:
    """The file of one side of a prepared folder."""
    return folder / f"{side}.jsonl"


def read_side(folder: Path, side: Side) -> list[Pair]:
    """The pairs of one side of a prepared folder.

    Raises PreparedDataError when the side's file is missing or empty.
    """
    path = side_file(folder, side)
    if not path.is_file():
        raise PreparedDataError(
            f"{path} is missing: make the folder with `python -m training prepare`"
        )
    pairs = read_pairs(path)
    if not pairs:
        raise PreparedDataError(f"{path} is empty: prepare from more pairs")
    return pairs


def encode(
    pairs: Sequence[Pair], renderer: PromptRenderer, max_tokens: int, file: Path | None = None
) -> list[TokenizedExample]:
    """Each pair as one example, as serving renders it; longer ones than `max_tokens` are left out.

    Raises PreparedDataError when none is short enough, or when the chat template refuses one; the
    line names the row, and the `file` if there is one.
    """
    rows = [
        encode_row(pair, renderer, row_name(number, file)) for number, pair in enumerate(pairs, 1)
    ]
    short = [row for row in rows if len(row["input_ids"]) <= max_tokens]
    if not short:
        raise PreparedDataError(f"no pair has {max_tokens} tokens or fewer: raise max_tokens")
    return short


def encode_row(pair: Pair, renderer: PromptRenderer, where: str) -> TokenizedExample:
    """A pair as one example; PreparedDataError with `where` when the chat template refuses it."""
    before = [ChatTurn(turn.role, turn.content) for turn in pair.before]
    try:
        example = renderer.encode_example([*before, ChatTurn("user", pair.comment)], pair.reply)
    except BadParameter as error:
        raise PreparedDataError(f"{where}: {error}") from error
    ids, prompt = example.input_ids, example.prompt_length
    return TokenizedExample(input_ids=ids, labels=[IGNORED] * prompt + ids[prompt:])


def row_name(number: int, file: Path | None) -> str:
    """Where a row stands, for a person; rows are counted from 1."""
    return f"{file}, row {number}" if file else f"row {number}"
