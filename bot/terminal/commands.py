"""What a line typed into the terminal or piped in means. Pure."""

import difflib
import re
from dataclasses import dataclass

from data.records import RatingKind


@dataclass(frozen=True, slots=True)
class Say:
    """Ask the active variant; `text` is the prompt and may be empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ShowModel:
    """Show which variant answers, and which others there are."""


@dataclass(frozen=True, slots=True)
class ChooseModel:
    """Let `name` answer from now on."""

    name: str


@dataclass(frozen=True, slots=True)
class AskBoth:
    """Ask the base and the tuned model the same, side by side."""

    prompt: str


@dataclass(frozen=True, slots=True)
class GoOn:
    """Let the model go on with the last answer, which was cut off."""


@dataclass(frozen=True, slots=True)
class RateAnswer:
    """Rate an answer; `rating` is the word or emoji that was typed.

    `which` is the variant of one of the last answers, or an answer's number; None means the last.
    """

    rating: str
    which: str | None = None


@dataclass(frozen=True, slots=True)
class ShowStats:
    """Show what the ratings say."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget the conversation so far."""


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """List the commands."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave."""


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """The line is no command; `message` says in one line what could be typed instead."""

    message: str


Command = (
    Say | ShowModel | ChooseModel | AskBoth | GoOn | RateAnswer | ShowStats | Reset | ShowHelp
    | Quit
)  # fmt: skip
Parsed = Command | Misunderstood


@dataclass(frozen=True, slots=True)
class Manual:
    """What `/help` says about one command."""

    name: str
    arguments: str
    meaning: str

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()


_KINDS = ", ".join(f"{kind.emoji} {kind}" for kind in RatingKind)
MANUALS = (
    Manual("model", "[NAME]", "which model answers; with a name (base, tuned): change it"),
    Manual("both", "PROMPT", "the same prompt to base and tuned, side by side"),
    Manual("continue", "", "go on with the last answer, where it was cut at MAX_TOKENS"),
    Manual("rate", "KIND [NUMBER]", f"rate the last answer, or that number: {_KINDS}"),
    Manual("stats", "", "what the ratings say so far"),
    Manual("reset", "", "forget this conversation and start a new one"),
    Manual("help", "", "this list"),
    Manual("quit", "", "leave (so does Ctrl-D)"),
)
_BY_NAME = {manual.name: manual for manual in MANUALS}
_WORDLESS: dict[str, Command] = {
    "continue": GoOn(),
    "stats": ShowStats(),
    "reset": Reset(),
    "help": ShowHelp(),
    "quit": Quit(),
}
_NAME = re.compile(r"/([^\s]*)\s*(.*)", re.DOTALL)
_SHOWN = 30


def parse(line: str) -> Parsed:
    """What `line` asks for; a prompt that begins with a slash is typed with two."""
    text = line.strip()
    if text.startswith("//"):
        return Say(text[1:])
    match = _NAME.fullmatch(text)
    if match is None:
        return Say(text)
    name, rest = match[1].lower(), match[2].strip()
    manual = _BY_NAME.get(name)
    return _unknown(name) if manual is None else _known(manual, rest)


def _known(manual: Manual, rest: str) -> Parsed:
    words = rest.split()
    match manual.name, words:
        case "model", []:
            return ShowModel()
        case "model", [name]:
            return ChooseModel(name)
        case "both", [_, *_]:
            return AskBoth(rest)
        case "rate", [rating]:
            return RateAnswer(rating)
        case "rate", [rating, which]:
            return RateAnswer(rating, which.removeprefix("#"))
        case name, [] if name in _WORDLESS:
            return _WORDLESS[name]
        case _:
            return Misunderstood(f"Like this, please: {manual.usage} — {manual.meaning}")


def _unknown(name: str) -> Misunderstood:
    near = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0.5)
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
    guess = f" Did you mean /{near[0]}?" if near else ""
    known = ", ".join(f"/{manual.name}" for manual in MANUALS)
    return Misunderstood(
        f"There is no command /{shown}.{guess} There are: {known}."
        " A prompt that starts with a slash is written with two."
    )
