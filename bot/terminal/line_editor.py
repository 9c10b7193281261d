"""The line one types: editing, history on disk, completion of commands, variants and ratings."""

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.shortcuts import CompleteStyle

from bot.terminal.commands import MANUALS
from bot.text import clean_text
from data.records import RatingKind

HISTORY_BYTES = 1024 * 1024


class Interrupted(Exception):
    """Ctrl-C was pressed on an empty line."""


class LineEditor:
    """Reads lines from the terminal; `variants` are what `/model` completes to."""

    def __init__(
        self, history: Path, *, keys: Input | None = None, screen: Output | None = None
    ) -> None:
        self.variants: Sequence[str] = ()
        self._session: PromptSession[str] = PromptSession(
            history=_FileHistory(history),
            completer=_Completer(self),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            key_bindings=_bindings(),
            input=keys,
            output=screen,
        )

    async def read(self, prompt: FormattedText) -> str:
        """One line. Raises Interrupted, or EOFError when the person leaves or the terminal goes."""
        # the program has its own handler for the signal; the key comes as a key
        return await self._session.prompt_async(prompt, handle_sigint=False)


def completions(line: str, variants: Sequence[str]) -> list[str]:
    """What the last word of `line` may become. Pure."""
    words = line.split(" ")
    match words:
        case [start] if start.startswith("/"):
            options = [f"/{manual.name}" for manual in MANUALS]
        case ["/model", _]:
            options = list(variants)
        case ["/rate", _]:
            options = [kind.value for kind in RatingKind]
        case ["/rate", _, _]:
            options = list(variants)
        case _:
            return []
    return [option for option in options if option.startswith(words[-1])]


class _Completer(Completer):
    def __init__(self, editor: LineEditor) -> None:
        self._editor = editor

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        line = document.text_before_cursor.lstrip()
        back = len(line.split(" ")[-1])
        for option in completions(line, self._editor.variants):
            yield Completion(option, start_position=-back)


class _FileHistory(FileHistory):
    """Lines of earlier runs. What the disk does not take is lost without a word."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        with contextlib.suppress(OSError):
            path.touch(mode=0o600)
            if path.stat().st_size > HISTORY_BYTES:
                path.replace(path.with_name(f"{path.name}.old"))

    def load_history_strings(self) -> Iterable[str]:
        with contextlib.suppress(OSError):
            return list(super().load_history_strings())
        return []

    def store_string(self, string: str) -> None:
        with contextlib.suppress(OSError):
            super().store_string(clean_text(string))


def _bindings() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        """Clear what was typed; on an empty line say so to the reader."""
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=Interrupted())

    return keys
