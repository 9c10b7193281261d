"""The model's chat template: turns as one text, in the one form that serving and training share.

Templates differ in what they can do, and few say so. What this one can do is found out once, by
rendering short conversations through it (probes); no model's name is known here.
"""

import string
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from model.errors import BadParameter, ConfigError
from model.text.codec import ChatTurn

_SYSTEM = ChatTurn("system", "probesystem")
_ASKED = ChatTurn("user", "probequestion")
_ANSWERED = ChatTurn("assistant", "probeanswer")
_AGAIN = ChatTurn("user", "probefollowup")
_LAST = ChatTurn("assistant", "probereply")
# A template is a program from elsewhere; this is what its own mistakes raise.
_FAULTS = (
    TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
# transformers gives templates the clock as strftime_now, and lets nothing that can be called in.
# So a fixed date comes in as a table from directives to texts, behind a macro of the same name. The
# line end behind the macro is dropped by Jinja, so the template itself begins on a line of its own.
_FIXED_CLOCK = (
    "{% macro strftime_now(format) %}{% set written = namespace(text=format) %}"
    "{% for directive, text in fixed_date.items() %}"
    "{% set written.text = written.text | replace(directive, text) %}{% endfor %}"
    "{{ written.text }}{% endmacro %}\n"
)


class ChatTemplate:
    """Renders conversations as text through the tokenizer's chat template.

    A system turn that the template forbids, drops, repeats or moves stands before the next user
    turn instead, with an empty line between; turns of one role that it parted become one. A
    template may open an answer otherwise than it writes an answered one (some reasoning templates,
    and those that know no generation prompt); then the prompt is what the template writes before
    an answered reply.

    `today` is the date that the template is told, today's when None. Raises ConfigError, one line,
    when the template renders no conversation.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, today: date | None = None) -> None:
        if not tokenizer.chat_template:
            raise ConfigError("this model's tokenizer has no chat template")
        self._tokenizer = tokenizer
        try:
            self._source = tokenizer.get_chat_template()
        except ValueError as error:
            raise ConfigError("this model has several chat templates and no default") from error
        self._variables: dict[str, Any] = {}
        if today is not None and "strftime_now" in self._source:
            self._source = _FIXED_CLOCK + self._source
            self._variables = {"fixed_date": _directives(today)}
        self._refuse_unusable()
        self._opens_as_answered = self._finds_another_opening()
        self._takes_system = self._shows(_SYSTEM, _ASKED) and self._shows(
            _SYSTEM, _ASKED, _ANSWERED, _AGAIN
        )
        self._takes_later_system = self._shows(_ASKED, _ANSWERED, _SYSTEM, _AGAIN)

    def prompt(self, turns: Sequence[ChatTurn]) -> str:
        """The text up to where the assistant's answer begins.

        Raises BadParameter with the template's own words when it refuses these turns.
        """
        turns = self._with_system_placed(turns)
        if not self._opens_as_answered:
            return self._render(turns, answer_follows=True)
        text = self._before_answer(turns)
        # Tokenizers join a space with the word that follows, so it is the reply's.
        return text.rstrip(" ")

    def answered(self, turns: Sequence[ChatTurn], reply: str) -> str:
        """The text of the whole conversation with the assistant's reply as its last turn.

        It begins with `prompt(turns)`, unless the template writes the prompt another way for this
        reply. Raises BadParameter likewise.
        """
        whole = [*self._with_system_placed(turns), ChatTurn("assistant", reply)]
        return self._render(whole, answer_follows=False)

    def _with_system_placed(self, turns: Sequence[ChatTurn]) -> list[ChatTurn]:
        placed: list[ChatTurn] = []
        waiting: list[str] = []  # system texts on their way to a user turn
        moved = False  # whether a system turn stood just before this one
        for place, turn in enumerate(turns):
            taken = self._takes_later_system if place else self._takes_system
            if turn.role == "system" and not taken:
                waiting += [turn.content] if turn.content.strip() else []
                moved = True
                continue
            texts = [turn.content]
            if turn.role == "user":
                texts, waiting = [*waiting, turn.content], []
            if moved and placed and placed[-1].role == turn.role:
                texts.insert(0, placed.pop().content)  # only the system turn was between the two
            placed.append(replace(turn, content="\n\n".join(texts)))
            moved = False
        if waiting:  # no user turn follows: these texts end the last one, or are one
            before = [placed.pop().content] if placed and placed[-1].role == "user" else []
            placed.append(ChatTurn("user", "\n\n".join([*before, *waiting])))
        return placed

    def _refuse_unusable(self) -> None:
        try:
            text = self._render([_ASKED], answer_follows=True)
        except BadParameter as error:
            raise ConfigError(f"this model cannot chat: {error}") from error
        if _ASKED.content not in text:
            raise ConfigError("this model's chat template leaves out what the user says")

    def _finds_another_opening(self) -> bool:
        """Whether an answered conversation goes on otherwise behind the user's last turn."""
        try:
            before = self._before_answer([_ASKED])
        except BadParameter:
            return False
        prompt = self._render([_ASKED], answer_follows=True)
        said, _, opening = prompt.partition(_ASKED.content)
        said_before, _, answered_opening = before.partition(_ASKED.content)
        more = answered_opening.removeprefix(opening)
        same = answered_opening.startswith(opening) and not more.strip()
        return said == said_before and bool(answered_opening) and not same

    def _before_answer(self, turns: Sequence[ChatTurn]) -> str:
        text = self._render([*turns, _LAST], answer_follows=False)
        return text[: max(0, text.rfind(_LAST.content))]

    def _shows(self, *turns: ChatTurn) -> bool:
        """Whether each turn stands in the text once and in order, before and after an answer."""
        try:
            return _in_order(self._render(turns, answer_follows=True), turns) and _in_order(
                self._render([*turns, _LAST], answer_follows=False), turns
            )
        except BadParameter:
            return False

    def _render(self, turns: Sequence[ChatTurn], *, answer_follows: bool) -> str:
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        try:
            text = self._tokenizer.apply_chat_template(
                messages,
                chat_template=self._source,
                tokenize=False,
                add_generation_prompt=answer_follows,
                **self._variables,
            )
        except _FAULTS as error:
            kind = "" if type(error) is TemplateError else f"{type(error).__name__}: "
            reason = " ".join(str(error).split())
            raise BadParameter("messages", f"the chat template says: {kind}{reason}") from error
        return cast("str", text)


def _in_order(text: str, turns: Sequence[ChatTurn]) -> bool:
    contents = [turn.content for turn in turns]
    places = [text.find(content) for content in contents]
    return places == sorted(places) and all(text.count(content) == 1 for content in contents)


def _directives(day: date) -> dict[str, str]:
    """What strftime makes of every directive on this day, the longer directives first."""
    letters = [
        letter for letter in string.ascii_letters if day.strftime(f"%{letter}") != f"%{letter}"
    ]
    forms = [f"%-{letter}" for letter in letters] + [f"%{letter}" for letter in letters]
    return {form: day.strftime(form) for form in forms} | {"%%": "%"}
