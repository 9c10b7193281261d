"""Which language a text is in, if it is long enough to tell."""

import re

import py3langid

from training.errors import PreparationError
from training.prepare.cleaning.markup import LINK, NAME

ANY = "any"
# Measured on our own pairs: of 1,050 English texts of 40 characters or more none was taken for
# another language, of texts of 20 to 40 characters one in thirty, of shorter ones one in eight.
LEAST = 40
_ENOUGH = 120
# Short English texts are often taken for Nigerian Pidgin, and the other way round.
_NEAR = {"en": frozenset({"en", "pcm"})}
_PLACEHOLDERS = re.compile(re.escape(LINK) + "|" + re.escape(NAME))


def check_language(code: str) -> None:
    """Raise PreparationError unless the code is `any` or a language that can be recognised."""
    if code == ANY:
        return
    known = sorted(label for label, _ in py3langid.rank(""))
    if code not in known:
        raise PreparationError(f"--language {code} is not any, {', '.join(known)}")


def is_in(code: str, comment: str, reply: str) -> bool:
    """Whether both texts may be in the language.

    A text of fewer than 40 characters is judged together with the other text; if both together
    are that short, they pass. Of a long text only the first 120 characters are judged.
    """
    comment, reply = (_PLACEHOLDERS.sub("", text).strip() for text in (comment, reply))
    long = [text for text in (comment, reply) if len(text) >= LEAST]
    if len(long) < 2 and len(comment) + len(reply) >= LEAST:
        long.append(f"{comment[:LEAST]}\n{reply[:LEAST]}")
    fine = _NEAR.get(code, frozenset({code}))
    return all(py3langid.classify(text[:_ENOUGH])[0] in fine for text in long)
