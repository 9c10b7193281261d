"""What people write around what they say: quotes, edits, links and names.

Each function leaves a text as it is that has nothing of its kind, so that all of them together
can be applied until nothing changes. Repetitions are bounded: a text made to be slow is not.
"""

import re

LINK = "[link]"
NAME = "[user]"

# Reddit's quotes are lines that begin with >; ">:(" and ">!spoiler!<" are none.
_QUOTE = re.compile(r"^>(?![!:;._=<-]).*(?:\n|$)", re.MULTILINE)
_SPOILER = re.compile(r">!(.{0,1000}?)!<")
# "EDIT:", "Edit 2:", "**ETA**:" at a line's beginning, or behind a sentence.
_EDIT = re.compile(
    r"(?:^|\n|(?<=[.!?)\]]) )[*_(\[]{0,3}(?:edit|eta)(?:ed)?\s?#?\d{0,2}[*_]{0,2}\s?[:;-].*",
    re.IGNORECASE | re.DOTALL,
)
_IMAGE = re.compile(r"!\[[^\[\]\n]*\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)")
_MARKDOWN = re.compile(r"\[([^\[\]\n]+)\]\((?:https?://|/|www\.|mailto:|#)[^()\s]*(?:\([^()\s]*\)"
                       r"[^()\s]*)*(?: \"[^\"\n]{0,300}\")?\)")  # fmt: skip
_URL = re.compile(
    r"<?\b(?:https?://|www\.)[^\s<>\[\]]*[^\s<>\[\].,;:!?)'\"*_]>?"
    r"|\b(?:[a-z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|io|co|uk|de|be|it|ly|tv|me|gg|fm|ca|au)"
    r"/[^\s<>\[\]]*[^\s<>\[\].,;:!?)'\"*_]",
    re.IGNORECASE,
)
_MAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b")
_NAMES = re.compile(
    r"<@[!&]?\d+>"  # Discord's mentions
    r"|(?<![\w/])/?u/[\w-]{2,30}"
    r"|(?<![\w@/.])@[A-Za-z_][\w.]{0,30}\w"
)
_CUSTOM_EMOJI = re.compile(r"<a?(:\w+:)\d+>")


def cut_quotes(text: str) -> str:
    """Without Reddit's quoted lines; what hides behind a spoiler's marks is shown."""
    if ">" not in text:
        return text
    return _QUOTE.sub("", _SPOILER.sub(r"\1", text)).strip()


def cut_edits(text: str) -> str:
    """Without what the author added later."""
    folded = text.casefold()
    if "edit" not in folded and "eta" not in folded:
        return text
    return _EDIT.sub("", text).strip()


def reduce_links(text: str) -> str:
    """Markdown links as their words alone, images as a placeholder."""
    return _MARKDOWN.sub(r"\1", _IMAGE.sub(LINK, text)) if "](" in text else text


def replace_links(text: str) -> str:
    """A placeholder for each address in the web."""
    return _URL.sub(LINK, text) if "/" in text or "www." in text.casefold() else text


def replace_names(text: str) -> str:
    """A placeholder for each user's name (u/name, @name, a mail address)."""
    if "<" in text:
        text = _CUSTOM_EMOJI.sub(r"\1", text)
    if "@" in text:
        text = _MAIL.sub(NAME, text)
    return _NAMES.sub(NAME, text) if "@" in text or "u/" in text else text
