"""What people rate answers with: a reaction with an emoji, or a word they type. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bot.errors import BadRating
from data.records import RatingKind, plain_emoji

DEFAULT = ",".join(f"{kind}={kind.emoji}" for kind in RatingKind)
ALLOWED = f"kind=emoji, several with commas, such as {DEFAULT}; also <:name:id>"
_CUSTOM = re.compile(r"<?a?:?\w{2,32}:(\d{15,20})>?")
_LONGEST = 32


@dataclass(frozen=True, slots=True)
class RatingEmoji:
    """This deployment's emoji (`RATING_EMOJI`), in the order in which they are offered.

    A kind of rating that is missing here is not offered as a reaction.
    """

    of_kind: Mapping[RatingKind, str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `good=👍,bad=👎,…`.

        Raises ValueError for an unknown kind, for what is no emoji, and for a kind or an emoji
        that is there twice.
        """
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
        """The kind of rating that a reaction stands for; None where it stands for none.

        `key` is the emoji, in any skin tone, or a custom emoji's number.
        """
        plain = plain_emoji(key)
        return next((kind for kind, emoji in self.of_kind.items() if _key(emoji) == plain), None)


def parse_kind(text: str) -> RatingKind:
    """The kind of rating that a word or an emoji in any skin tone names.

    Raises BadRating, whose message lists the kinds there are.
    """
    try:
        return RatingKind.parse(text)
    except ValueError as error:
        allowed = ", ".join(f"{kind.emoji} {kind}" for kind in RatingKind)
        raise BadRating(f"I don't know that rating. There are: {allowed}.") from error


def _checked(emoji: str) -> str:
    if not _CUSTOM.fullmatch(emoji) and (emoji.isascii() or len(emoji) > _LONGEST):
        raise ValueError(f"{emoji!r} is no emoji")
    return emoji


def _key(emoji: str) -> str:
    custom = _CUSTOM.fullmatch(emoji)
    return custom[1] if custom else plain_emoji(emoji)
