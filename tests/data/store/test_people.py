import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import StoreConflict, StoreLocked
from data.records import (
    Answer,
    Forgotten,
    NewRequest,
    PersonalData,
    RatingKind,
    Reaction,
    Said,
    SettingKey,
    Turn,
)
from data.store.store import Store
from tests.fakes.sampling import stored_sampling

SECRET = "the-purple-submarine"


async def test_a_person_gets_what_is_theirs_and_nothing_else(store: Store, answered, show) -> None:
    own = await answered(store, prompt="Mine?", answer={"text": "Yours."})
    waiting, _ = await store.add_request(_waiting())
    other = await answered(store, user_id="bob", prompt="a secret", answer={"text": "hush"})
    await show(store, own, "1")
    await show(store, other, "2")
    await store.react("discord", Reaction("1", "ann", "👍", RatingKind.GOOD))
    await store.react("discord", Reaction("2", "ann", "🤖", RatingKind.ROBOTIC, is_super=True))
    await store.react("discord", Reaction("1", "bob", "👎", RatingKind.BAD))
    await store.set_setting("user", "ann", SettingKey.TRAINING_CONSENT, "yes")
    await store.set_setting("user", "bob", SettingKey.VARIANT, "base")

    data = await store.personal_data("ann")

    assert [(row["prompt"], row["text"]) for row in data.requests] == [
        ("Mine?", "Yours."),
        ("Still waiting?", None),
    ]
    assert [row["request"] for row in data.requests] == [own.request_id, waiting.id]
    assert [(row["answer"], row["rating"], row["own_answer"]) for row in data.ratings] == [
        (own.id, "good", 1),
        (other.id, "robotic", 0),
    ]
    assert [(row["emoji"], row["is_super"]) for row in data.reactions] == [("👍", 0), ("🤖", 1)]
    assert data.settings == [{"key": "training_consent", "value": "yes"}]
    text = json.dumps([data.requests, data.ratings, data.reactions, data.settings])
    assert "secret" not in text
    assert "bob" not in text


async def test_of_a_stranger_there_is_nothing(store: Store, answered) -> None:
    await answered(store)
    await store.forget("ann")
    for person in ("ann", "zoe"):
        assert await store.personal_data(person) == PersonalData(person, [], [], [], [])


async def test_a_person_is_gone_and_the_counts_stay(
    store: Store, answered, show, database: Path
) -> None:
    other = await answered(store, user_id="bob", conversation="shared", prompt="first")
    own = await answered(
        store,
        user_id="ann",
        user_name=f"Ann {SECRET}",
        source_key=f"ann:{SECRET}",
        conversation="shared",
        prompt=f"my {SECRET} " * 500,
        turns=(Turn("user", f"my {SECRET} " * 2000),),
        answer={"text": f"Your {SECRET}?"},
    )
    quoting = await answered(
        store,
        user_id="bob",
        user_name="Bob",
        conversation="shared",
        prompt="and then?",
        turns=(
            Turn("user", f"Ann {SECRET}: my {SECRET}"),
            Turn("assistant", f"Your {SECRET}?"),
            Turn("user", "Bob: and then?"),
        ),
    )
    await store.rate(own.id, "bob", RatingKind.FUNNY)
    await store.rate(other.id, "ann", RatingKind.GOOD)
    await store.rate(other.id, "bob", RatingKind.GOOD)
    await show(store, own, "100")
    await store.set_setting("user", "ann", SettingKey.PERSONA, SECRET)
    before = await store.tallies()

    assert await store.forget("ann") == Forgotten(requests=1, ratings=1)

    assert await store.tallies() == before
    request = await store.request(own.request_id)
    assert (request.prompt, request.turns, request.user_id) == ("", (), "forgotten")
    assert (request.state, request.variant) == ("finished", "tuned")
    assert (await answer_of(store, own.request_id)).text == ""
    assert await store.answer_by_message("discord", "100") is None
    assert [rating.user_id for rating in await store.ratings(other.id)] == [None, "bob"]
    assert (await store.request(quoting.request_id)).turns == (Turn("user", "Bob: and then?"),)
    assert (await store.request(other.request_id)).turns[0].role == "system"
    assert [asked.prompt for asked, _ in await store.history("shared")] == ["first", "and then?"]
    for path in database.parent.iterdir():
        assert SECRET.encode() not in path.read_bytes(), path


async def test_settings_of_conversations_with_nobody_else_go(store: Store, answered) -> None:
    await answered(store, user_id="ann", conversation="alone")
    await answered(store, user_id="ann", conversation="shared")
    await answered(store, user_id="ann", conversation="crowded")
    await answered(store, user_id="aaron", conversation="shared")
    await answered(store, user_id="bob", conversation="crowded")
    for conversation in ("alone", "shared", "crowded"):
        await store.set_setting("conversation", conversation, SettingKey.PERSONA, "pirate")
    await store.forget("ann")
    assert await store.setting("conversation", "alone", SettingKey.PERSONA) is None
    assert await store.setting("conversation", "shared", SettingKey.PERSONA) == "pirate"
    assert await store.setting("conversation", "crowded", SettingKey.PERSONA) == "pirate"


@pytest.mark.parametrize("name", ["Ann", 'An "n'])
async def test_who_is_labelled_in_turns_of_old_is_quoted_no_more(
    store: Store, answered, name: str
) -> None:
    turns = (
        Turn("system", f"{name}: is not a label here."),
        Turn("user", f"Bob: hi\n{name}: my {SECRET}\nand more\nCem: so?\n{name}: yes"),
        Turn("assistant", f"Yes, {SECRET}"),
        Turn("user", f"Bob: and?\n{name}: asked"),
    )
    by_bob = {"user_id": "bob", "user_name": "Bob", "conversation": "far"}
    await answered(store, user_id="cem", user_name="Cem", conversation="far")
    quoting = await answered(store, **by_bob, turns=turns, prompt=f"and?\n{name}: asked")
    alone = (Turn("user", f"{name}: a play\nthe end"), Turn("user", "Is it Annual: or not?"))
    other = await answered(store, **by_bob, turns=alone, prompt="Is it Annual: or not?")
    assert await store.forget("ann", {name, ""}) == Forgotten(requests=0, ratings=0)
    assert (await store.request(quoting.request_id)).turns == (
        turns[0],
        Turn("user", "Bob: hi\nCem: so?"),
        turns[3],
    )
    assert (await store.request(other.request_id)).turns == alone


async def test_what_somebody_else_asked_again_by_a_button_is_empty(store: Store, answered) -> None:
    turns = (Turn("user", f"my {SECRET}"),)
    asked = {"prompt": f"my {SECRET}", "turns": turns, "conversation": "room"}
    await answered(store, **asked)
    again = await answered(store, user_id="bob", source_key="discord:interaction:1", **asked)
    elsewhere = await answered(store, user_id="bob", **asked)
    await store.forget("ann")
    request = await store.request(again.request_id)
    assert (request.prompt, request.turns, request.user_id) == ("", (), "bob")
    assert (await answer_of(store, again.request_id)).text == ""
    assert (await answer_of(store, elsewhere.request_id)).text != ""


async def test_a_person_gets_and_takes_back_what_others_requests_hold(
    store: Store, answered
) -> None:
    turns = (
        Turn("system", "Be Ann."),
        Turn("user", "Ann: a\nb\nBob: a", (Said("ann", "Ann: a\nb"), Said("bob", "Bob: a"))),
        Turn("assistant", "to Ann", (Said("ann", "to Ann"),)),
        Turn("user", "Bob: and?", (Said("bob", "Bob: and?"),)),
    )
    asked = await answered(store, user_id="bob", turns=turns, prompt="and?", conversation="room")
    data = await store.personal_data("ann")
    place = {"conversation": "room", "in_requests": [asked.request_id]}
    assert data.quoted == [
        {**place, "role": "user", "text": "Ann: a\nb"},
        {**place, "role": "assistant", "text": "to Ann"},
    ]
    await store.forget("ann", {"a", "Bob"})
    stored = (await store.request(asked.request_id)).turns
    assert stored == (turns[0], Turn("user", "Bob: a"), turns[3])
    assert [turn.said for turn in stored[1:]] == [(Said("bob", "Bob: a"),), turns[3].said]
    assert (await store.personal_data("ann")).quoted == []


async def test_a_repetition_that_still_waits_is_stopped(store: Store, new_request) -> None:
    turns = (Turn("user", f"my {SECRET}", (Said("ann", f"my {SECRET}"),)),)
    waiting, _ = await store.add_request(new_request(user_id="bob", turns=turns, prompt=SECRET))
    await store.forget("ann")
    request = await store.request(waiting.id)
    assert (request.state, request.prompt, request.turns) == ("stopped", "", ())


async def test_what_still_runs_is_stopped(store: Store, new_request, new_answer, clock) -> None:
    waiting, _ = await store.add_request(new_request())
    running, _ = await store.add_request(new_request())
    await store.mark_running(running.id)
    assert await store.forget("ann") == Forgotten(requests=2, ratings=0)
    assert await store.unfinished() == []
    assert (await store.request(waiting.id)).ended_at == clock.time
    with pytest.raises(StoreConflict, match="is stopped, so it cannot become finished"):
        await store.finish(running.id, new_answer())


async def test_forgetting_nobody_changes_nothing(store: Store, answered) -> None:
    answer = await answered(store)
    assert await store.forget("carol") == Forgotten(requests=0, ratings=0)
    assert await store.answer_for(answer.request_id) == answer


async def test_several_may_be_forgotten(store: Store, answered) -> None:
    answer = await answered(store)
    for person in ("ann", "bob", "carol"):
        await answered(store, user_id=person, source_key=f"by {person}")
        await store.rate(answer.id, person, RatingKind.GOOD)
    for person in ("ann", "bob", "carol"):
        await store.forget(person)
    assert {rating.user_id for rating in await store.ratings(answer.id)} == {None}
    [tally] = await store.tallies()
    assert (tally.answers, tally.counts[RatingKind.GOOD]) == (4, 3)


async def test_a_reader_that_keeps_old_pages_alive_is_told_of(
    store: Store, answered, database: Path
) -> None:
    await answered(store, prompt=SECRET)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM requests").fetchone()
        with pytest.raises(StoreLocked, match="forget once more"):
            await store.forget("ann")
    await store.forget("ann")
    for path in database.parent.iterdir():
        assert SECRET.encode() not in path.read_bytes(), path


async def answer_of(store: Store, request_id: int) -> Answer:
    answer = await store.answer_for(request_id)
    assert answer is not None
    return answer


def _waiting() -> NewRequest:
    return NewRequest(
        source_key="w", conversation="c", front_end="discord", user_id="ann", user_name="Ann",
        prompt="Still waiting?", turns=(), variant="base", sampling=stored_sampling(),
    )  # fmt: skip
