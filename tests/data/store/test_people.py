import json

from data.records import NewRequest, PersonalData, RatingKind, Reaction
from data.store.store import Store
from tests.fakes.sampling import stored_sampling


async def test_a_person_gets_what_is_theirs_and_nothing_else(store: Store, answered) -> None:
    own = await answered(store, prompt="Mine?", answer={"text": "Yours."})
    waiting, _ = await store.add_request(_waiting())
    other = await answered(store, user_id="bob", prompt="a secret", answer={"text": "hush"})
    for answer, message in ((own, "1"), (other, "2")):
        await store.add_answer_message(answer.id, "discord", "room", message, 0)
    await store.react("discord", Reaction("1", "ann", "👍", RatingKind.GOOD))
    await store.react("discord", Reaction("2", "ann", "🤖", RatingKind.ROBOTIC, is_super=True))
    await store.react("discord", Reaction("1", "bob", "👎", RatingKind.BAD))
    await store.set_setting("user", "ann", "training_consent", "yes")
    await store.set_setting("user", "bob", "variant", "base")

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


def _waiting():
    return NewRequest(
        source_key="w", conversation="c", front_end="discord", user_id="ann", user_name="Ann",
        prompt="Still waiting?", turns=(), variant="base", sampling=stored_sampling(),
    )  # fmt: skip
