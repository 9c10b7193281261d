"""The sentences that the terminal and the pipe say to people. Pure."""

from collections.abc import Sequence

from bot.terminal.commands import MANUALS
from bot.terminal.session import LENGTH, Rated
from data.records import Answer, NewAnswer, Request, RequestState

WITHOUT_DISCORD = "No DISCORD_TOKEN is set, so the chat is here in the terminal."
LEAVE_HINT = "Nothing is running. Leave with /quit or Ctrl-D."
WELCOME = "/help lists the commands, /quit or Ctrl-D leaves."
RESET_DONE = "A new conversation: what was said before is forgotten."
THINKING_FIRST = "thinking before it answers"
NOT_KEPT_YET = "not written down yet, I keep trying"
NOTHING_SAID = "(The model had nothing to say.)"
ONLY_THOUGHTS = "(The model thought about it, and then had nothing to say.)"
THOUGHT_TOO_LONG = "(The model thought for so long that there was no room for an answer.)"
_WIDTH = max(len(manual.usage) for manual in MANUALS)
HELP_LINES = tuple(f"{manual.usage:<{_WIDTH}}  {manual.meaning}" for manual in MANUALS)


def model_line(active: str, known: Sequence[str]) -> str:
    """Says which variant answers, and which others there are."""
    others = [name for name in known if name != active]
    return f"{active} answers now." + (f" Others: {', '.join(others)}." if others else "")


def rated_line(rated: Rated) -> str:
    """Confirms a rating."""
    answer = f"answer #{rated.answer.id} ({rated.answer.variant})"
    if rated.changed:
        return f"{rated.kind.emoji} {rated.kind} for {answer}."
    return f"{rated.kind.emoji} {rated.kind} was your rating of {answer} already."


def both_heading(answer: NewAnswer) -> str:
    """The heading of one of two answers in plain text."""
    return f"[{answer.variant}]"


def leftover_line(count: int) -> str:
    """Announces the answers to the `count` prompts that an earlier run left."""
    if count == 1:
        return "One prompt was left unanswered last time; here is what becomes of it."
    return f"{count} prompts were left unanswered last time; here is what becomes of them."


def answer_text(answer: NewAnswer, *, thought: bool) -> str:
    """The answer's text, or why it has none; `thought` says that the model thought before."""
    if answer.text:
        return answer.text
    if not thought:
        return NOTHING_SAID
    return THOUGHT_TOO_LONG if answer.finish_reason == LENGTH else ONLY_THOUGHTS


def draft_line(answer: NewAnswer) -> str:
    """The line under an answer that is not stored: variant · tokens · speed."""
    return " · ".join(_figures(answer))


def footer_line(answer: Answer, request: Request) -> str:
    """The line under an answer: variant · tokens · speed · number, and why it ends early."""
    parts = [*_figures(answer), f"#{answer.id}"]
    if request.state is RequestState.STOPPED:
        parts.append("stopped")
    elif answer.finish_reason == LENGTH:
        parts.append("cut at MAX_TOKENS, /continue goes on")
    return " · ".join(parts)


def _figures(answer: NewAnswer) -> list[str]:
    parts = [answer.variant]
    if answer.completion_tokens is not None:
        parts.append(f"{answer.completion_tokens} token{'s' * (answer.completion_tokens != 1)}")
    if (speed := tokens_per_second(answer)) is not None:
        parts.append(f"{speed:.1f} tok/s")
    return parts


def tokens_per_second(answer: NewAnswer) -> float | None:
    """Tokens per second after the first token; None where times or tokens are unknown."""
    tokens, first_ms = answer.completion_tokens, answer.first_token_ms
    if tokens is None or tokens < 2 or first_ms is None or answer.total_ms <= first_ms:
        return None
    return (tokens - 1) * 1000 / (answer.total_ms - first_ms)


def queued_line(position: int, estimate_s: float | None) -> str:
    """Says where a waiting request stands, and for how long where that is known."""
    if position <= 1 and estimate_s is None:
        return "next in line"
    place = "next in line" if position <= 1 else f"number {position} in line"
    return place if estimate_s is None else f"{place}, about {max(1, round(estimate_s))} s"
