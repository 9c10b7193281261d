"""Which emoji stands for which rating in this deployment. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from data.records import RatingKind, plain_emoji

DEFAULT = ",".join(f"{kind}={kind.emoji}" for kind in RatingKind)
ALLOWED = f"kind=emoji, several with commas, such as {DEFAULT}; also <:name:id>"
_CUSTOM = re.compile(r"<?a?:?\w{2,32}:(\d{15,20})>?")
_LONGEST = 32


@dataclass(frozen=True, slots=True)
class RatingEmoji:
    """The emoji on offer, in their order; a kind that is not named is not offered."""

    of_kind: Mapping[RatingKind, str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `good=👍,bad=👎,…`; ValueError where a kind or emoji is wrong or there twice."""
        of_kind: dict[RatingKind, str] = {}
        for part in text.split(","):
            name, _, emoji = (piece.strip() for piece in part.partition("="))
            kind = RatingKind(name)
            if kind in of_kind:
                raise ValueError(f"{kind} stands there twice")
            of_kind[kind] = _checked(emoji)
        made = cls(of_kind)
        if len({_key(emoji) for emoji in of_kind.values()}) < len(of_kind):
            raise ValueError("one emoji cannot stand for two kinds")
        return made

    def kind(self, key: str) -> RatingKind | None:
        """What the reaction `key` says: an emoji in any skin tone, or a custom one's number."""
        plain = plain_emoji(key)
        return next((kind for kind, emoji in self.of_kind.items() if _key(emoji) == plain), None)


def _checked(emoji: str) -> str:
    if not _CUSTOM.fullmatch(emoji) and (emoji.isascii() or len(emoji) > _LONGEST):
        raise ValueError(f"{emoji!r} is no emoji")
    return emoji


def _key(emoji: str) -> str:
    custom = _CUSTOM.fullmatch(emoji)
    return custom[1] if custom else plain_emoji(emoji)
