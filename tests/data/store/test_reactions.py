from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.records import AnswerMessages, RatingKind, Reaction, RequestMessage
from data.store.reactions import counting_kinds
from data.store.store import Store

GOOD, BAD, FUNNY, ROBOTIC = RatingKind
THUMB = Reaction("1", "bob", "👍", GOOD)
DARK_THUMB = replace(THUMB, emoji="👍🏿")
ON_PART_TWO = replace(THUMB, message_id="2")
SUPER = replace(THUMB, is_super=True)
DOWN = Reaction("1", "bob", "👎", BAD)


@pytest.fixture
async def answer(store: Store, answered, show):
    """An answer to ann in two messages."""
    answer = await answered(store)
    await show(store, answer, "1", "2")
    return answer


async def kinds(store: Store, answer, user: str = "bob") -> set[RatingKind]:
    return {rating.kind for rating in await store.ratings(answer.id) if rating.user_id == user}


async def take_back(store: Store, reaction: Reaction) -> bool:
    return await store.unreact(
        "discord",
        reaction.message_id,
        reaction.user_id,
        reaction.emoji,
        is_super=reaction.is_super,
    )


@pytest.mark.parametrize("other", [DARK_THUMB, ON_PART_TWO, SUPER])
async def test_the_same_kind_twice_is_one_rating_that_stands_while_one_stands(
    store: Store, answer, other: Reaction
) -> None:
    assert await store.react("discord", THUMB)
    assert not await store.react("discord", THUMB)
    assert await store.react("discord", other)
    assert [rating.kind for rating in await store.ratings(answer.id)] == [GOOD]
    assert await take_back(store, THUMB)
    assert await kinds(store, answer) == {GOOD}
    assert await take_back(store, other)
    assert await kinds(store, answer) == set()
    assert not await take_back(store, other)


async def test_the_later_verdict_counts_and_the_earlier_comes_back(store: Store, answer) -> None:
    await store.react("discord", ON_PART_TWO)
    await store.react("discord", DOWN)
    await store.react("discord", Reaction("2", "bob", "😂", FUNNY))
    assert await kinds(store, answer) == {BAD, FUNNY}
    await take_back(store, DOWN)
    assert await kinds(store, answer) == {GOOD, FUNNY}
    await store.react("discord", DOWN)
    await store.react("discord", THUMB)
    assert await kinds(store, answer) == {GOOD, FUNNY}


async def test_people_are_apart(store: Store, answer) -> None:
    await store.react("discord", THUMB)
    await store.react("discord", replace(DOWN, user_id="carol"))
    assert await kinds(store, answer) == {GOOD}
    assert await kinds(store, answer, "carol") == {BAD}


async def test_other_messages_are_nobodys_answer(store: Store, answer) -> None:
    assert not await store.react("discord", replace(THUMB, message_id="9"))
    assert not await store.react("other", THUMB)
    assert await store.clear_reactions("discord", "9") == 0
    assert await store.reactions(answer.id) == []


async def test_clearing_a_message_leaves_the_other_part(store: Store, answer) -> None:
    for reaction in (THUMB, ON_PART_TWO, replace(THUMB, user_id="carol")):
        await store.react("discord", reaction)
    assert await store.clear_reactions("discord", "1") == 2
    assert await kinds(store, answer) == {GOOD}
    assert await kinds(store, answer, "carol") == set()


async def test_clearing_an_emoji_leaves_the_others(store: Store, answer) -> None:
    for reaction in (THUMB, DARK_THUMB, DOWN, SUPER):
        await store.react("discord", reaction)
    assert await store.clear_reactions("discord", "1", "👍") == 2
    assert await store.reactions(answer.id) == [DARK_THUMB, DOWN]
    assert await store.clear_reactions("discord", "1", "👎") == 1
    assert await kinds(store, answer) == {GOOD}


async def correct(store: Store, answer, added=(), removed=()) -> None:
    await store.correct_reactions("discord", answer.id, added=added, removed=removed)


async def test_what_was_missed_is_corrected_at_once(store: Store, answer) -> None:
    await store.react("discord", THUMB)
    await store.react("discord", replace(THUMB, user_id="carol"))
    dan = Reaction("2", "dan", "🤖", ROBOTIC)
    await correct(store, answer, added=[dan, DOWN], removed=[replace(THUMB, user_id="carol")])
    assert await kinds(store, answer, "dan") == {ROBOTIC}
    assert await kinds(store, answer, "carol") == set()
    assert await kinds(store, answer) == {BAD}, "the new one must be the later one"


async def test_of_two_missed_verdicts_neither_counts_until_one_goes(store: Store, answer) -> None:
    await correct(store, answer, added=[THUMB, DOWN])
    assert await kinds(store, answer) == set()
    await take_back(store, THUMB)
    assert await kinds(store, answer) == {BAD}


async def test_a_forgotten_persons_reaction_is_not_read_in_again(store: Store, answer) -> None:
    await store.react("discord", THUMB)
    await store.react("discord", replace(DOWN, user_id="carol"))
    await store.forget("bob")
    assert [one.user_id for one in await store.reactions(answer.id)] == ["carol"]
    await correct(store, answer, added=[THUMB], removed=[replace(DOWN, user_id="carol")])
    [rating] = await store.ratings(answer.id)
    assert (rating.user_id, rating.kind) == (None, GOOD)


async def test_forgetting_who_asked_takes_the_reactions_and_keeps_the_ratings(
    store: Store, answer
) -> None:
    await store.react("discord", THUMB)
    await store.react("discord", replace(THUMB, user_id="ann"))
    await store.forget("ann")
    assert await store.reactions(answer.id) == []
    [tally] = await store.tallies()
    assert (tally.counts[GOOD], tally.by_askers[GOOD]) == (2, 1)


async def test_the_newest_answers_are_shown_first(store: Store, answered, show, clock) -> None:
    old = await answered(store)
    await show(store, old, "1")
    since = clock.advance(hours=1)
    new = [await answered(store) for _ in range(3)]
    for number, answer in enumerate(new):
        parts = [RequestMessage("room", f"{number}{part}", "ab".index(part)) for part in "ba"]
        await store.delivered(answer.request_id, "discord", answer.id, parts)
    await show(store, new[0], "x", front_end="elsewhere")
    assert await store.answers_shown("discord", since=since, limit=2) == [
        AnswerMessages(new[2].id, "room", ("2a", "2b")),
        AnswerMessages(new[1].id, "room", ("1a", "1b")),
    ]
    assert len(await store.answers_shown("discord", since=since, limit=9)) == 3


async def test_a_persons_messages(store: Store, answer, answered, show) -> None:
    others = await answered(store, user_id="bob")
    await show(store, others, "8")
    assert await store.answers_shown_to("discord", "ann") == [
        AnswerMessages(answer.id, "room", ("1", "2"))
    ]
    assert await store.answers_shown_to("elsewhere", "ann") == []


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(RatingKind), st.integers(1, 3)))
def test_kinds_that_exclude_each_other_never_stand_together(turns: dict[RatingKind, int]) -> None:
    standing = counting_kinds(turns)
    assert {FUNNY, ROBOTIC} & turns.keys() == {FUNNY, ROBOTIC} & set(standing)
    if turns.keys() >= {GOOD, BAD}:
        later = {one for one, other in ((GOOD, BAD), (BAD, GOOD)) if turns[one] > turns[other]}
        assert {GOOD, BAD} & set(standing) == later
    else:
        assert set(standing) == turns.keys()
