"""What bots write, and what people write to call them."""

import re

_PHRASES = (
    r"(?:this|the) action was performed automatically",
    r"contact the moderators of this (?:subreddit|community)",
    r"i(?:'m| am) a bot\b.{0,40}?\b(?:automatic|performed|bleep|beep|contact|feedback|source|opt)",
    r"\b(?:bleep|beep),? ?(?:bloop|boop)\b",
    r"!remind ?me\b|\bremindme!",
    r"\bi will be messaging you (?:in|on)\b",
    r"your (?:submission|post|comment) (?:has been|was) (?:automatically )?removed",
    r"\bthis (?:comment|message|reply) was (?:posted|written|made|left) by a bot\b",
    r"\bto opt[- ]out\b.{0,60}\bbot\b",
    r"^(?:very )?(?:good|bad) bot[.!]?$",
)
_NOTICE = re.compile("|".join(f"(?:{phrase})" for phrase in _PHRASES), re.DOTALL)
_AUTHORS = re.compile(r"^automoderator$|(?:^|[-_])bot(?:$|[-_\d])", re.IGNORECASE)


def is_notice(text: str, author: str | None = None) -> bool:
    """Whether a text is a bot's notice or calls a bot, by its phrases or by who wrote it.

    Knows the phrases above only, in lower case, with straight apostrophes.
    """
    if author is not None and _AUTHORS.search(author):
        return True
    flat = " ".join(text.casefold().replace("’", "'").replace("^", "").replace("*", "").split())
    return _NOTICE.search(flat) is not None
