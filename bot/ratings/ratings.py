"""People's ratings of answers: what they typed or clicked becomes rows of the store."""

from dataclasses import dataclass

from bot.errors import BadRating, NothingToRate
from data.records import Answer, RatingKind
from data.store.store import Store


@dataclass(frozen=True, slots=True)
class Rated:
    """What a rating did; `changed` is false when the person had said just that before."""

    answer: Answer
    kind: RatingKind
    changed: bool


def parse_kind(text: str) -> RatingKind:
    """The rating named by a word or an emoji in any skin tone; BadRating names the allowed."""
    try:
        return RatingKind.parse(text)
    except ValueError as error:
        allowed = ", ".join(f"{kind.emoji} {kind}" for kind in RatingKind)
        raise BadRating(f"I don't know that rating. There are: {allowed}.") from error


async def rate_last(store: Store, conversation: str, user_id: str, text: str) -> Rated:
    """Rate the conversation's newest answer; raises BadRating or NothingToRate.

    👍 takes the place of the same person's 👎, and the other way round.
    """
    kind = parse_kind(text)
    answer = await store.last_answer(conversation)
    if answer is None:
        raise NothingToRate
    return await rate_answer(store, answer, user_id, kind)


async def rate_answer(store: Store, answer: Answer, user_id: str, kind: RatingKind) -> Rated:
    """Rate one answer, such as one of two side by side; the same again changes nothing."""
    return Rated(answer, kind, await store.rate(answer.id, user_id, kind))
