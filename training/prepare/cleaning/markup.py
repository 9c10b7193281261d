"""Taking out what people write around their words: quotes, edit notes, links and names.

A function changes nothing in a text without its kind of markup, so all of them can be applied
again until nothing changes. Repetitions in the patterns are bounded, so that no text, not even
one made for it, takes long.
"""

import re

LINK = "[link]"
NAME = "[user]"

# Quotes on Reddit are lines that begin with >, but ">:(" and ">!spoiler!<" are not quotes.
_QUOTE = re.compile(r"^>(?![!:;._=<-]).*(?:\n|$)", re.MULTILINE)
_SPOILER = re.compile(r">!(.{0,1000}?)!<")
# "EDIT:", "Edit 2:", "**ETA**:" at the beginning of a line or after a sentence.
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
    """The text without quoted lines (`> …`); a spoiler loses its marks and stays."""
    if ">" not in text:
        return text
    return _QUOTE.sub("", _SPOILER.sub(r"\1", text)).strip()


def cut_edits(text: str) -> str:
    """The text without the notes that the author added later, from `EDIT:` to its end."""
    folded = text.casefold()
    if "edit" not in folded and "eta" not in folded:
        return text
    return _EDIT.sub("", text).strip()


def reduce_links(text: str) -> str:
    """The text with each Markdown link reduced to its words, each image to a placeholder."""
    return _MARKDOWN.sub(r"\1", _IMAGE.sub(LINK, text)) if "](" in text else text


def replace_links(text: str) -> str:
    """The text with a placeholder in place of each web address."""
    return _URL.sub(LINK, text) if "/" in text or "www." in text.casefold() else text


def replace_names(text: str) -> str:
    """The text with a placeholder for each user name (u/name, @name) and mail address."""
    if "<" in text:
        text = _CUSTOM_EMOJI.sub(r"\1", text)
    if "@" in text:
        text = _MAIL.sub(NAME, text)
    return _NAMES.sub(NAME, text) if "@" in text or "u/" in text else text
