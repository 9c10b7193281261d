"""Renders conversations to token ids, in the same way for serving and for training."""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, cast

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from model.errors import BadParameter
from model.text.codec import ChatTurn
from model.text.template import ChatTemplate

# Private-use characters around a number. Where a person types what could be one, alone or with what
# follows in another turn, its first character has a stand-in of its own: so no stand-in in the text
# is a typed one.
_OPENS = "\ue0f7"
_STAND_IN = _OPENS + "{}\ue0f8"
_TYPED_STAND_IN = _OPENS + r"(?=[0-9]*(?:\ue0f8|\Z))"


@dataclass(frozen=True, slots=True)
class Example:
    """A training example: the ids of prompt and reply; the reply begins at `prompt_length`."""

    input_ids: list[int]
    prompt_length: int


class PromptRenderer:
    """Renders turns to ids with the tokenizer's chat template.

    Only the template writes control tokens. Where a person typed one (`<|im_end|>`, `</s>`), its
    characters are encoded as plain text: a stand-in token takes its place while the whole text is
    encoded, so that the text around it gets the ids that transformers gives it. The stand-in is
    then replaced with the ids of the single characters.

    `ends` holds the token that the template puts after a reply; it is empty where there is none.
    `today` is the date that the template is told, today's when None. Raises ConfigError, one line,
    when the template renders no conversation.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, today: date | None = None) -> None:
        self._template = ChatTemplate(tokenizer, today)
        self._tokenizer = copy.deepcopy(tokenizer)
        _match_as_written(self._tokenizer)
        control = sorted(control_tokens(tokenizer).values(), key=len)[::-1]
        patterns = [*map(re.escape, control), _TYPED_STAND_IN]
        self._control = re.compile("|".join(patterns)) if control else None
        hidden = [*control, _OPENS]
        self._stand_in = {text: _STAND_IN.format(i) for i, text in enumerate(hidden)}
        plain = {text: self._characters(text) for text in hidden}
        self._tokenizer.add_tokens(list(self._stand_in.values()), special_tokens=True)
        self._plain = {
            self._tokenizer.convert_tokens_to_ids(stand_in): plain[text]
            for text, stand_in in self._stand_in.items()
        }
        self._control_ids = frozenset(
            cast("list[int]", self._tokenizer.convert_tokens_to_ids(control))
        )
        self.ends = self._ends()
        self._begins = self._put_before()

    def encode(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The ids of the prompt, up to where the assistant's answer begins.

        Raises BadParameter, with the template's own words, when the template refuses these turns.
        """
        return self._plain_ids(self._template.prompt([self._disarm_turn(turn) for turn in turns]))

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text that is no conversation, after what the tokenizer puts before any.

        What it may put behind a text is left out, so that the text can go on.
        """
        return self._begins + self._plain_ids(self._disarm(text))

    def encode_begun(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The ids of the prompt with the assistant's last turn, up to where that turn stops.

        They are those of the turn once it is complete, where the template writes it so. Raises
        BadParameter, with the template's own words, when the template refuses these turns.
        """
        *before, begun = turns
        try:
            return self.encode_example(before, begun.content).input_ids[:-1]
        except BadParameter:
            return self.encode(before) + self._exchanged(
                self._going_on(self._disarm(begun.content))
            )

    def encode_example(self, turns: Sequence[ChatTurn], reply: str) -> Example:
        """The ids of prompt and reply, including the token that ends the reply.

        The prompt is what `encode` gives. The reply ends with the first control token that the
        template writes behind it, whichever that is. Raises BadParameter when the template does
        not render the prompt as the beginning of the whole conversation, or writes no such token.
        """
        turns = [self._disarm_turn(turn) for turn in turns]
        prompt = self._template.prompt(turns)
        whole = self._template.answered(turns, self._disarm(reply))
        if not whole.startswith(prompt):
            raise BadParameter("messages", "the chat template changes the prompt once answered")
        prompt_ids, ids = self._plain_ids(prompt), self._plain_ids(whole)
        if ids[: len(prompt_ids)] != prompt_ids:
            # The tokenizer joins the prompt's end with the reply's beginning, as a model that
            # answers this prompt never can.
            ids = prompt_ids + self._exchanged(self._going_on(whole[len(prompt) :]))
        for place, id_ in enumerate(ids[len(prompt_ids) :], len(prompt_ids)):
            if id_ in self._control_ids:
                return Example(ids[: place + 1], len(prompt_ids))
        raise BadParameter("messages", "the chat template puts no end after a reply")

    def _ends(self) -> frozenset[int]:
        """The token that the template puts after a reply; none when it puts none."""
        try:
            example = self.encode_example([ChatTurn("user", "a")], "b")
        except BadParameter:
            return frozenset()
        return frozenset(example.input_ids[-1:])

    def _put_before(self) -> list[int]:
        """The special tokens that the tokenizer puts before a text."""
        alone = self._ids("a")
        both = cast("list[int]", self._tokenizer("a")["input_ids"])
        for place in range(len(both)):
            if both[place : place + len(alone)] == alone:
                return both[:place]
        return []

    def _plain_ids(self, text: str) -> list[int]:
        return self._exchanged(self._ids(text))

    def _exchanged(self, ids: Sequence[int]) -> list[int]:
        """With every stand-in exchanged for the single characters of what was typed."""
        return [plain for id_ in ids for plain in self._plain.get(id_, (id_,))]

    def _disarm_turn(self, turn: ChatTurn) -> ChatTurn:
        return replace(turn, content=self._disarm(turn.content))

    def _disarm(self, text: str) -> str:
        """With a stand-in for each control token that was typed."""
        if self._control is None:
            return text
        return self._control.sub(lambda found: self._stand_in[found[0]], text)

    def _characters(self, text: str) -> tuple[int, ...]:
        """The ids of a text, each character encoded alone, so that no control token results."""
        return tuple(id_ for character in text for id_ in self._going_on(character))

    def _going_on(self, text: str) -> list[int]:
        """The ids of a text that goes on from another.

        It is encoded after a line end, which is then removed, because many tokenizers put a space
        before the first character of a text.
        """
        before = self._ids("\n")
        both = self._ids(f"\n{text}")
        joined = both[: len(before)] != before
        return self._ids(text) if joined else both[len(before) :]

    def _ids(self, text: str) -> list[int]:
        return cast("list[int]", self._tokenizer(text, add_special_tokens=False)["input_ids"])


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """The added tokens that no person can type, by id; runs of blanks (Gemma) are text."""
    added = tokenizer.added_tokens_decoder.items()
    return {id_: str(token) for id_, token in added if token.special or str(token).strip()}


def _match_as_written(tokenizer: PreTrainedTokenizerBase) -> None:
    """Let control tokens match only as they are written, also where text is normalised.

    Otherwise other spellings (upper case, full width) become control tokens. Runs of blanks, which
    are text, match as before.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer) or backend.normalizer is None:
        return
    state = json.loads(backend.to_str())
    for token in state["added_tokens"]:
        if token["special"] or token["content"].strip():
            token["normalized"] = False
    cast("Any", tokenizer)._tokenizer = Tokenizer.from_str(json.dumps(state))  # noqa: SLF001 - it has no other door
