"""Renders conversations to token ids, in the same way for serving and for training."""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from model.errors import BadParameter
from model.text.codec import ChatTurn

# Private-use characters around a number. Where a person types this, the worst that happens is that
# it becomes the plain text of a control token.
_STAND_IN = "\ue0f7{}\ue0f8"


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
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not tokenizer.chat_template:
            raise BadParameter("messages", "this model's tokenizer has no chat template")
        self._tokenizer = copy.deepcopy(tokenizer)
        control = sorted((str(t) for t in tokenizer.added_tokens_decoder.values()), key=len)[::-1]
        self._control = re.compile("|".join(map(re.escape, control))) if control else None
        self._stand_in = {text: _STAND_IN.format(i) for i, text in enumerate(control)}
        plain = {text: self._characters(text) for text in control}
        self._tokenizer.add_tokens(list(self._stand_in.values()), special_tokens=True)
        self._plain = {
            self._tokenizer.convert_tokens_to_ids(stand_in): plain[text]
            for text, stand_in in self._stand_in.items()
        }
        self._eos = cast("int", self._tokenizer.eos_token_id)

    def encode(self, turns: Sequence[ChatTurn]) -> list[int]:
        """The ids of the prompt, up to where the assistant's answer begins.

        Raises BadParameter, with the template's own words, when the template refuses these turns.
        """
        return self._encode(turns, answer_follows=True)

    def encode_example(self, turns: Sequence[ChatTurn], reply: str) -> Example:
        """The ids of prompt and reply, including the token that ends the reply.

        Raises BadParameter when the rendered conversation does not begin with the rendered prompt,
        or has no end token after the reply.
        """
        prompt = self.encode(turns)
        whole = self._encode([*turns, ChatTurn("assistant", reply)], answer_follows=False)
        if whole[: len(prompt)] != prompt:
            raise BadParameter("messages", "the chat template changes the prompt once answered")
        try:
            end = whole.index(self._eos, len(prompt))
        except ValueError:
            raise BadParameter("messages", "the chat template puts no end after a reply") from None
        return Example(whole[: end + 1], len(prompt))

    def _encode(self, turns: Sequence[ChatTurn], *, answer_follows: bool) -> list[int]:
        messages = [
            {"role": turn.role, "content": turn.content} for turn in map(self._disarm, turns)
        ]
        try:
            text = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=answer_follows
            )
        except TemplateError as error:
            raise BadParameter("messages", f"the chat template says: {error}") from error
        ids: list[int] = []
        for token in self._ids(cast("str", text)):
            ids.extend(self._plain.get(token, (token,)))
        return ids

    def _disarm(self, turn: ChatTurn) -> ChatTurn:
        if self._control is None:
            return turn
        content = self._control.sub(lambda found: self._stand_in[found[0]], turn.content)
        return replace(turn, content=content)

    def _characters(self, text: str) -> tuple[int, ...]:
        """The ids of a text, each character encoded alone, so that no control token results.

        Each is encoded after a line end, which is then removed, because many tokenizers put a
        space before the first character of a text.
        """
        ids: list[int] = []
        before = self._ids("\n")
        for character in text:
            both = self._ids(f"\n{character}")
            alone = both[: len(before)] != before
            ids.extend(self._ids(character) if alone else both[len(before) :])
        return tuple(ids)

    def _ids(self, text: str) -> list[int]:
        return cast("list[int]", self._tokenizer(text, add_special_tokens=False)["input_ids"])
