"""Taking out what people write around their words: quotes, links and names.

A function changes nothing in a text without its kind of markup, so all of them can be applied
again until nothing changes. Repetitions in the patterns are bounded, so that no text, not even
one made for it, takes long.
"""

import re
from collections.abc import Iterator

LINK = "[link]"
NAME = "[user]"

# Quotes on Reddit are lines that begin with >, but ">:(" and ">!spoiler!<" are not quotes.
_QUOTED = re.compile(r" {0,3}>(?![!:;._=<-])")
_REPL = re.compile(r" {0,3}>>> ")
# "> 5", "> 2019 was …": greater than a number, but for a list's ("> 5. ") and for several lines.
_GREATER = re.compile(r" {0,3}> ?[-+]?[.,]?\d(?!\d{0,8}[.)] )")
_NUMBERS = re.compile(r" {0,3}> ?[-+]?[.,]?\d[\d\s.,%°$€£+*/=<>≤≥^()-]*$")
_SPOILER = re.compile(r">!(.{0,1000}?)!<")
_IMAGE = re.compile(r"!\[[^\[\]\n]*\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)")
_MARKDOWN = re.compile(
    r"\[((?:[^\[\]\n]|\[[^\[\]\n]{0,80}\]){1,500})\]\((?:https?://|/|www\.|mailto:|#)[^()\s]*"
    r"(?:\([^()\s]*\)[^()\s]*)*(?: \"[^\"\n]{0,300}\")?\)"
)
_ADDRESS = r"[^\s<>\[\]\ud800-\udfff]*"
_URL = re.compile(
    rf"<?\b(?:https?://|www\.){_ADDRESS}>?"
    r"|(?<![\w/\\.@~-])(?:[a-z0-9-]{1,63}\.){1,4}"
    rf"(?:com|org|net|edu|gov|io|co|uk|de|be|it|ly|tv|me|gg|fm|ca|au)/{_ADDRESS}",
    re.IGNORECASE,
)
_AFTER_URL = ".,;:!?'\"*_"
_MAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b")
_MENTION = re.compile(r"<@[!&]?\d+>")  # Discord's
# Not within a path: /u/local/bin, ../u/files, C:/u/name.
_REDDITOR = re.compile(
    r"(?<![\w/\\])(?:(?<!\.)(?<!\b[A-Za-z]:)/)?u/[\w-]{2,30}(?![\w-]|[\\]|/(?!u/))"
)
_AT = re.compile(r"(?<![\w@/.])@[A-Za-z_][\w.]{0,30}\w(?![\w/])")
# "@property" above a definition, and "@media (…) {", are code that nobody marked as such.
_DECORATOR = re.compile(
    r"(?:^|(?<=\n))[ \t]*@[\w.]{1,60}(?:\([^()\n]{0,200}\))?[ \t]*\n[ \t]*(?=@\w|(?:async )?def "
    r"|(?:export |abstract |final |static )*class |public |private |protected |fun |func )"
    r"|@(?:media|import|font-face|keyframes|supports|charset)\b(?=[^\n]{0,200}[{;])"
)
_CUSTOM_EMOJI = re.compile(r"<a?(:\w+:)\d+>")


def open_spoilers(text: str) -> str:
    """The text with spoilers (`>!…!<`) without their marks."""
    return _SPOILER.sub(r"\1", text) if ">!" in text else text


def cut_quotes(text: str) -> str:
    """The text without quoted lines (`> …`).

    A lone line that may compare (`> 5`), lines of nothing but numbers and signs, and lines of
    Python's prompt (`>>> `) are no quotes.
    """
    if ">" not in text:
        return text
    lines = text.split("\n")
    kept = [line for block in _quote_blocks(lines) for line in block]
    return text if len(kept) == len(lines) else "\n".join(kept).strip("\n")


def reduce_links(text: str) -> str:
    """The text with each Markdown link reduced to its words, each image to a placeholder."""
    return _MARKDOWN.sub(r"\1", _IMAGE.sub(LINK, text)) if "](" in text else text


def replace_links(text: str) -> str:
    """The text with a placeholder in place of each web address."""
    return _URL.sub(_placeholder, text) if "/" in text or "www." in text.casefold() else text


def name_emoji(text: str) -> str:
    """The text with the name of each emoji that a Discord server made (`:name:`)."""
    return _CUSTOM_EMOJI.sub(r"\1", text) if "<" in text else text


def replace_names(text: str) -> str:
    """The text with a placeholder for each user name (u/name, @name) and mail address."""
    if "u/" in text:
        text = _REDDITOR.sub(NAME, text)
    if "@" not in text:
        return text
    text = _MENTION.sub(NAME, _MAIL.sub(NAME, text))
    code = [match.span() for match in _DECORATOR.finditer(text)]
    return _AT.sub(
        lambda found: (
            found[0] if any(start <= found.start() < end for start, end in code) else NAME
        ),
        text,
    )


def _quote_blocks(lines: list[str]) -> Iterator[list[str]]:
    """The lines that stay: all that are not quoted, and blocks that only look like quotes."""
    block: list[str] = []
    for line in [*lines, None]:
        if line is not None and _QUOTED.match(line):
            block.append(line)
            continue
        if not _is_quote(block):
            yield block
        block = []
        if line is not None:
            yield [line]


def _is_quote(block: list[str]) -> bool:
    """Whether these neighbouring lines, all of which begin with >, are a quote."""
    if len(block) == 1 and _GREATER.match(block[0]):
        return False
    return not (all(map(_REPL.match, block)) or all(map(_NUMBERS.match, block)))


def _placeholder(found: re.Match[str]) -> str:
    """A placeholder, and the marks of the sentence that stand behind the address."""
    address = found[0]
    if address.startswith("<") and address.endswith(">"):
        return LINK
    end = len(address.removesuffix(">"))
    while end and (
        address[end - 1] in _AFTER_URL
        or (address[end - 1] == ")" and address.count(")", 0, end) > address.count("(", 0, end))
    ):
        end -= 1
    lead = "<" if address.startswith("<") else ""
    if address[len(lead) : end].casefold() in ("http", "https", "www"):
        return address
    return lead + LINK + address[end:]
