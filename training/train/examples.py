"""Pairs of comment and reply as token ids, with the loss on the reply alone."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from data.files.datasets import Pair, read_pairs
from data.records import Turn
from model.errors import BadParameter
from model.text.prompt import ChatTurn, PromptRenderer
from training.errors import PreparedDataError
from training.prepare.sides import Side
from training.recipe import TooLong

IGNORED = -100  # torch's own mark for positions without a loss
_LEAST = 8  # characters of a comment that must stay for the reply to be an answer to something
_PIECE = re.compile(r"\S{1,24}")  # a comment is cut before a word, or inside a very long one


class TokenizedExample(TypedDict):
    """One example. `labels` is a copy of `input_ids` with IGNORED at the prompt's positions."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class EncodedSide:
    """The examples of one side, and what became of those with more than `max_tokens` tokens.

    `shortened` of the `rows` have lost their beginning; `left_out` pairs are not among the rows.
    """

    rows: list[TokenizedExample]
    max_tokens: int
    shortened: int = 0
    left_out: int = 0

    def __str__(self) -> str:
        """How many rows there are, and of how many where some are too long."""
        whole = len(self.rows) + self.left_out
        if not self.shortened and not self.left_out:
            return f"{whole} {'row' if whole == 1 else 'rows'}"
        long = f"{self.losses()}: more than {self.max_tokens} tokens"
        return f"{len(self.rows)} of {whole} rows ({long})"

    def losses(self) -> str:
        """How many rows were shortened and left out, in words; empty where none was."""
        counts = ((self.shortened, "shortened"), (self.left_out, "left out"))
        return ", ".join(f"{count} {word}" for count, word in counts if count)


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
    pairs: Sequence[Pair],
    renderer: PromptRenderer,
    max_tokens: int,
    file: Path | None = None,
    too_long: TooLong = "shorten",
) -> EncodedSide:
    """Each pair as one example, as serving renders it, of at most `max_tokens` tokens.

    Of a longer one the end is kept with "shorten", as serving does with a long conversation (see
    `shorten`); where the reply leaves no room for that, and with "drop", it is left out. Raises
    PreparedDataError when none is left, with "refuse" when one is too long, or when the chat
    template refuses one; the line names the row, and the `file` if there is one.
    """
    rows: list[TokenizedExample | None] = []
    lengths: list[int] = []
    for number, pair in enumerate(pairs, 1):
        where = row_name(number, file)
        row: TokenizedExample | None = encode_row(pair, renderer, where)
        lengths.append(len(row["input_ids"]))
        if lengths[-1] > max_tokens:
            row = _shortened(pair, renderer, max_tokens) if too_long == "shorten" else None
        rows.append(row)
    long = sum(length > max_tokens for length in lengths)
    if long and too_long == "refuse":
        raise PreparedDataError(_refusal(long, lengths, max_tokens, file))
    kept = [row for row in rows if row is not None]
    if not kept:
        short = ", even when shortened" if too_long == "shorten" else ""
        raise PreparedDataError(
            f"{file or 'the pairs'}: none of {len(rows)} rows fits into {max_tokens} tokens{short} "
            f"(the longest has {max(lengths)}): raise schedule.max_tokens"
        )
    left_out = len(rows) - len(kept)
    return EncodedSide(kept, max_tokens, shortened=long - left_out, left_out=left_out)


def _refusal(long: int, lengths: Sequence[int], max_tokens: int, file: Path | None) -> str:
    rows = f"{long} of {len(lengths)} rows" + (f" of {file}" if file else "")
    return (
        f"{rows} have more than {max_tokens} tokens (the longest has {max(lengths)}): raise "
        'schedule.max_tokens, or let schedule.too_long="shorten" keep their ends or "drop" leave '
        "them out"
    )


def _shortened(pair: Pair, renderer: PromptRenderer, max_tokens: int) -> TokenizedExample | None:
    """The example of what `shorten` keeps of a pair; None where nothing fits."""

    def fits(pair: Pair) -> bool:
        try:
            return len(encode_row(pair, renderer, "")["input_ids"]) <= max_tokens
        except PreparedDataError:  # this template does not take what is left
            return False

    kept = shorten(pair, fits)
    return None if kept is None else encode_row(kept, renderer, "")


def shorten(pair: Pair, fits: Callable[[Pair], bool]) -> Pair | None:
    """The end of a pair's conversation that fits; None where its reply leaves no room.

    As many of the earlier turns go as must, the oldest first, from a user turn on. Then the comment
    loses its beginning, up to a word. System turns stay beside it as long as a part of the comment
    fits too, because in serving they always stay. The reply stays as it is.
    """
    exchanges = [place for place, turn in enumerate(pair.before) if turn.role == "user"]
    bare = _without_earlier(pair, len(pair.before))
    alone = replace(pair, before=())
    beginnings = _beginnings(pair.comment)
    ways: list[tuple[list[int], Callable[[int], Pair]]] = [
        (exchanges, lambda place: _without_earlier(pair, place)),
        (beginnings, lambda place: replace(bare, comment=pair.comment[place:])),
        (beginnings, lambda place: replace(alone, comment=pair.comment[place:])),
    ]
    for places, shorter in ways:  # the later the place, the shorter the pair
        found = bisect_left(places, True, key=lambda place, shorter=shorter: fits(shorter(place)))
        if found < len(places):
            return shorter(places[found])
    return None


def _without_earlier(pair: Pair, start: int) -> Pair:
    """A pair without the turns before the place `start`, system turns excepted."""
    kept = (t for n, t in enumerate(pair.before) if n >= start or t.role == "system")
    return replace(pair, before=tuple[Turn, ...](kept))


def _beginnings(comment: str) -> list[int]:
    """The places where what is kept of a comment may begin; 0 is one of them."""
    found = {piece.start() for piece in _PIECE.finditer(comment)}
    return sorted({0, *(place for place in found if len(comment) - place >= _LEAST)})


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
