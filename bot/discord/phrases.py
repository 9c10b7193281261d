"""What the bot says on Discord besides answers. Pure."""

from bot.worker.status import WorkerPhase, WorkerStatus
from data.records import NewAnswer

HINT = "You called? Write me something along with the mention, and I will answer."
UNREADABLE = "I can only read replies that mention me. Please mention me in it."
NO_IMAGES = "I can't look at pictures or other files, only read text. Tell me what it is about?"
OTHER_FILES = "I can't look at pictures or other files, so I went by the text."
EMPTY_ANSWER = "-# The model had nothing to say."
BROKEN = "Something went wrong on my side. Please try again; my operator finds it in the log."
ONLY_THOUGHTS = "-# 🤔 The model thought about it, and then had nothing to say."
THOUGHT_TOO_LONG = "-# 🤔 The model thought for so long that there was no room for an answer."
THINKING = "-# 🤔 Thinking …"
WRITING = "-# ✍️ I am at it."
ABOUT_PROMPT = "What do you think about this?"
RESET_DONE = "A line is drawn: I don't look at what was said here before."
NOT_YOURS = "Only the person who asked, or a moderator, can stop this."
ENDED_ALREADY = "That one has ended already."
GONE = "I don't remember that answer any more."
GOES_ON_ALREADY = "That answer goes on already. Look further down."
NOT_YOURS_TO_CONTINUE = (
    "Only the person who asked can let this answer go on. “Again” asks the same in your name."
)
NOT_CUT = "That answer is not cut off, so there is nothing to go on with."
REFUSED_ALL = "🛡️ This server's rules do not let me post my answer."
REFUSED_REST = "🛡️ This server's rules do not let me post the rest of my answer."
MAY_NOT_WRITE = "🔒 I may not write here any more."
NOT_TAKEN = "⚠️ Discord did not take the rest of my answer."
NOT_YOUR_WORDS = "Only the person who asked can have their new wording answered."
ANSWERED_ALREADY = "That wording is answered already."
NOT_EDITED = "That message reads as it did when I answered it."
NO_OTHER = "There is only one model here."
CANNOT_READ = "But I was started without the message-content intent: I can't read there yet."


# In the small print under an answer, also for a later start that reads it there.
STOPPED, CUT, LENGTH = "stopped", "cut at the length limit", "length"
FAILED_SIGN, PARKED_SIGN, SMALL = "⚠️ ", "💤 ", "-# "


def small(line: str) -> str:
    """A line in Discord's small print."""
    return f"{SMALL}{line}"


def queued(position: int, estimate_s: float | None) -> str:
    """The note under which a request waits: its place in line and about how long it takes."""
    place = "You are next in line" if position <= 1 else f"You are number {position} in line"
    return small(f"⏳ {place}{_about(estimate_s)}.")


def worker_note(status: WorkerStatus) -> str | None:
    """Why no answer can be written now; None while the worker is ready."""
    if status.phase is WorkerPhase.READY:
        return None
    if status.phase.is_final or status.configuration:
        return small("💤 The model is down.")
    if status.phase is WorkerPhase.RESTARTING:
        return small("🔧 The model broke down and is being restarted. Your message waits.")
    done = "" if status.progress is None else f" ({status.progress:.0%})"
    return small(f"💤 The model is still waking up{done}. Your message waits.")


def restarted(reason: str) -> str:
    """The note that replaces a text whose writing has to start again."""
    return small(f"🔧 {reason}")


def failed(message: str) -> str:
    """The line that replaces an answer that will never come."""
    return f"{FAILED_SIGN}{message}"


def parked(message: str) -> str:
    """The note that replaces an answer that comes after the bot's next start."""
    return small(f"{PARKED_SIGN}{message}")


def footer(answer: NewAnswer, *, stopped: bool = False) -> str:
    """The small print under an answer: which variant spoke, and why it ended early."""
    parts = [answer.variant]
    if stopped:
        parts.append(STOPPED)
    elif answer.finish_reason == LENGTH:
        parts.append(CUT)
    return small(" · ".join(parts))


def _about(estimate_s: float | None) -> str:
    if estimate_s is None:
        return ""
    seconds = max(1, round(estimate_s))
    return f", about {seconds} s" if seconds < 90 else f", about {round(seconds / 60)} min"


def file_not_given(name: str) -> str:
    """Of an attached file that could not be fetched."""
    return f"I left out {name}: Discord did not give it to me."


def file_without_text(name: str) -> str:
    """Of an attached file whose bytes are no text, whatever it is called."""
    return f"I left out {name}: there is no text in it that I can read."


def file_too_long(name: str) -> str:
    """Of an attached file for which there was no room left."""
    return f"I left out {name}: it is too long for me."


def file_cut(name: str) -> str:
    """Of an attached file that was read in part."""
    return f"I read only the beginning of {name}."


def file_empty(name: str) -> str:
    """Of an attached file with nothing in it."""
    return f"{name} is empty."


def files_left_out(read: int) -> str:
    """Where more files were attached than are read."""
    return f"I read only the first {read} files."
