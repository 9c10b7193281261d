"""What is typed: a line with editing, history and completion, and keys pressed too early."""

import contextlib
import sys
import termios
from collections.abc import Generator, Iterable, Sequence
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
LOCAL_FLAGS = 3  # the index of termios's local flags


class Interrupted(Exception):
    """Ctrl-C was pressed on an empty line."""


class LineEditor:
    """Reads lines from the terminal; `/model` and `/rate` complete to the names in `variants`.

    Lines are kept in the file `history` and can be fetched again with the arrow keys.
    """

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
        """Wait for one line and return it.

        Raises Interrupted for Ctrl-C on an empty line, EOFError for Ctrl-D and when the terminal
        is gone.
        """
        # the program has its own handler for the signal; the key comes as a key
        return await self._session.prompt_async(prompt, handle_sigint=False)


def completions(line: str, variants: Sequence[str]) -> list[str]:
    """The words that the unfinished last word of `line` may become. Pure."""
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


@contextlib.contextmanager
def quiet_keys() -> Generator[None, None, None]:
    """Inside the block the terminal does not echo: keys wait for the next prompt.

    So what is typed too early is not written into an answer. Ctrl-C still makes its signal.
    Where standard input is no terminal, nothing changes.
    """
    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield
        return
    quiet = before.copy()
    quiet[LOCAL_FLAGS] &= ~(termios.ECHO | termios.ICANON)
    _set(descriptor, quiet)
    try:
        yield
    finally:
        _set(descriptor, before)


def _set(descriptor: int, attributes: list[int | list[bytes | int]]) -> None:
    with contextlib.suppress(OSError, termios.error):  # the terminal may be gone by now
        termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


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
    """The lines of earlier runs; errors of the disk are passed over, and lines lost."""

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
        """Clear what was typed; on an empty line let `read` raise Interrupted."""
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=Interrupted())

    return keys
