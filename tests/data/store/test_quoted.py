"""Whoever repeats a request by a button asks with the writer's words, in all three uses of that."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from data.files.export import export
from data.files.export_manifest import LeftOut
from data.records import Answer, RatingKind, Said, SettingKey, Turn
from data.store.store import Store

QUESTION, KEY = "my secret?", "discord:message:1:2"
Answered = Callable[..., Awaitable[Answer]]


def said(role: str, text: str, person: str) -> Turn:
    return Turn(role, text, (Said(person, text),))  # pyright: ignore[reportArgumentType]


SYSTEM = Turn("system", "Be kind.")
BEFORE = (said("user", "earlier", "cem"), said("assistant", "so?", "cem"))
ASKED = said("user", QUESTION, "ann")
WHOLE, LATEST = (SYSTEM, *BEFORE, ASKED), (SYSTEM, ASKED)
GOING_ON = (*WHOLE, said("assistant", "The first half", "ann"))

REPETITIONS = {
    "word for word": ("bob", "discord:interaction:9", WHOLE),
    "cut for another model": ("bob", "discord:interaction:9", LATEST),
    "by the writer, cut": ("ann", "discord:interaction:9", LATEST),
    "what was quoted is forgotten": (
        "bob", "discord:interaction:9",
        (SYSTEM, said("user", "Dan: no\nmy secret?", "ann")),
    ),
    "gone on with": ("ann", "discord:continuation:1:1", GOING_ON),
    "gone on with, by somebody else": ("bob", "discord:continuation:1:1", GOING_ON),
}  # fmt: skip
OTHERS = {
    "the same words of another's own": (
        "bob", "discord:interaction:9", (SYSTEM, said("user", QUESTION, "bob")),
    ),
    "typed by another": ("bob", "discord:message:1:3", (SYSTEM, said("user", QUESTION, "bob"))),
    "typed once more": ("ann", "discord:message:1:3", WHOLE),
    "another's answer gone on with": ("ann", "discord:continuation:11:1", GOING_ON),
}  # fmt: skip


@pytest.fixture
def pressed(store: Store, answered: Answered) -> Callable[..., Awaitable[Answer]]:
    """Let ann ask, and somebody ask that once more; gives the second answer."""

    async def press(person: str, key: str, turns: tuple[Turn, ...]) -> Answer:
        place = {"front_end": "discord", "prompt": QUESTION}
        await answered(store, user_id="ann", source_key=KEY, turns=WHOLE, **place)
        again = await answered(store, user_id=person, source_key=key, turns=turns, **place)
        await store.rate(again.id, "bob", RatingKind.GOOD)
        return again

    return press


@pytest.mark.parametrize("name", [*REPETITIONS, *OTHERS])
async def test_all_that_repeats_a_question_is_about_it(store: Store, pressed, name: str) -> None:
    again = await pressed(*(REPETITIONS | OTHERS)[name])
    found = [one.id for one in await store.requests_about(KEY)]
    assert found == ([1, again.request_id] if name in REPETITIONS else [1])


@pytest.mark.parametrize("name", [*REPETITIONS, *OTHERS])
async def test_forgotten_words_are_forgotten_where_they_were_repeated(
    store: Store, pressed, name: str
) -> None:
    again = await pressed(*(REPETITIONS | OTHERS)[name])
    person = (await store.request(again.request_id)).user_id
    await store.forget("ann")
    left = await store.request(again.request_id)
    goes = name in REPETITIONS or person == "ann"
    assert left.prompt == ("" if goes else QUESTION)
    answer = await store.answer_for(again.request_id)
    assert answer is not None
    assert answer.text == ("" if goes else again.text)


@pytest.mark.parametrize("name", [*REPETITIONS, *OTHERS])
async def test_words_are_exported_only_if_their_writer_agreed(
    store: Store, pressed, database: Path, tmp_path: Path, name: str
) -> None:
    person, key, turns = (REPETITIONS | OTHERS)[name]
    await pressed(person, key, turns)
    await store.set_setting("user", "bob", SettingKey.TRAINING_CONSENT, "yes")
    manifest = export(database, tmp_path / "out", "ticket 7")
    is_another = person == "bob" and name in OTHERS
    assert (manifest.ratings, manifest.left_out[LeftOut.ASKER]) == (is_another, not is_another)
    await store.set_setting("user", "ann", SettingKey.TRAINING_CONSENT, "yes")
    assert export(database, tmp_path / "both", "ticket 7").ratings == 1


async def test_what_repeats_a_repetition_is_about_the_question(
    store: Store, pressed, answered: Answered
) -> None:
    again = await pressed(*REPETITIONS["cut for another model"])
    on = await answered(
        store, user_id="bob", front_end="discord", prompt=QUESTION,
        source_key=f"discord:continuation:{again.request_id}:1", turns=GOING_ON[-2:],
    )  # fmt: skip
    once_more = await answered(
        store, user_id="bob", front_end="discord", prompt=QUESTION,
        source_key="discord:interaction:10", turns=GOING_ON[-2:],
    )  # fmt: skip
    found = [one.id for one in await store.requests_about(KEY)]
    assert found == [1, again.request_id, on.request_id, once_more.request_id]


async def test_words_that_are_stored_only_where_they_were_repeated(
    store: Store, pressed, database: Path, tmp_path: Path
) -> None:
    again = await pressed(*REPETITIONS["word for word"])
    await store.withdraw(1)
    await store.set_setting("user", "bob", SettingKey.TRAINING_CONSENT, "yes")
    assert export(database, tmp_path / "out", "ticket 7").left_out[LeftOut.ASKER] == 1
    await store.forget("ann")
    assert (await store.request(again.request_id)).prompt == ""
