from datetime import UTC, datetime
from typing import cast

import pytest

from data.errors import StoreConflict
from data.records import Scope, SettingKey
from data.store.choices import PersonaSaving, SavedPersona
from data.store.store import Store


async def test_a_setting_is_set_changed_and_taken_away(store: Store) -> None:
    assert await store.setting("user", "ann", SettingKey.VARIANT) is None
    for value in ("base", "tuned", ""):
        await store.set_setting("user", "ann", SettingKey.VARIANT, value)
        assert await store.setting("user", "ann", SettingKey.VARIANT) == value
    await store.set_setting("user", "ann", SettingKey.VARIANT, None)
    await store.set_setting("user", "ann", SettingKey.VARIANT, None)
    assert await store.setting("user", "ann", SettingKey.VARIANT) is None


async def test_scopes_ids_and_keys_are_apart(store: Store) -> None:
    places: list[tuple[Scope, str, SettingKey]] = [
        ("global", "", SettingKey.VARIANT),
        ("user", "1", SettingKey.VARIANT),
        ("channel", "1", SettingKey.VARIANT),
        ("guild", "1", SettingKey.VARIANT),
        ("conversation", "1", SettingKey.VARIANT),
        ("conversation", "2", SettingKey.VARIANT),
        ("conversation", "2", SettingKey.PERSONA),
    ]
    for number, place in enumerate(places):
        await store.set_setting(*place, str(number))
    assert [await store.setting(*place) for place in places] == list("0123456")


async def test_a_scope_that_there_is_not_is_refused(store: Store) -> None:
    with pytest.raises(StoreConflict, match="scope"):
        await store.set_setting(cast("Scope", "planet"), "1", SettingKey.VARIANT, "v")


async def test_a_reset_leaves_its_time(store: Store, clock) -> None:
    await store.reset("room")
    clock.advance(days=1)
    await store.reset("room")
    assert await store.setting("conversation", "room", SettingKey.RESET_AT) == (
        "2026-01-03T03:04:05.000000+00:00"
    )


def test_stored_keys_keep_their_names() -> None:
    # Databases of older versions have these: another name would lose what people set.
    assert [key.value for key in SettingKey] == [
        "variant",
        "persona",
        "always",
        "threads",
        "allowed_roles",
        "hourly_limit",
        "waiting_limit",
        "tuned_age_restricted_only",
        "training_consent",
        "reset_at",
        "reset_after",
        "reset_snowflake",
        "away_since",
        "export_key",
        "thread_mode",
        "called",
        "keep_answers",
    ]


def persona(name: str, text: str = "Be one.") -> SavedPersona:
    return SavedPersona(name, text, "ann", datetime(2026, 1, 2, tzinfo=UTC))


async def test_personas_are_kept_by_server_and_by_person(store: Store) -> None:
    pirate, bard = persona("Pirate"), persona("bard")
    for one in (pirate, bard):
        assert await store.save_persona("guild", "1", one, most=2) is PersonaSaving.SAVED
    assert await store.personas("guild", "1") == [bard, pirate]
    assert await store.personas("guild", "2") == await store.personas("user", "1") == []
    other = persona("PIRATE", "Say arr.")
    assert await store.save_persona("guild", "1", other, most=2) is PersonaSaving.NAME_TAKEN
    assert await store.save_persona("guild", "1", persona("third"), most=2) is (
        PersonaSaving.TOO_MANY
    )
    assert await store.save_persona("guild", "1", other, most=2, replace=True) is (
        PersonaSaving.SAVED
    )
    assert await store.personas("guild", "1") == [bard, other]
    assert await store.delete_persona("guild", "1", "pirate")
    assert not await store.delete_persona("guild", "1", "pirate")
    assert await store.personas("guild", "1") == [bard]


async def test_saved_personas_are_handed_out_and_lose_their_persons_name(store: Store) -> None:
    await store.save_persona("user", "ann", persona("mine"), most=9)
    await store.save_persona("guild", "1", persona("ours"), most=9)
    rows = (await store.personal_data("ann")).personas
    assert sorted((row["scope"], row["name"], row["text"]) for row in rows) == [
        ("guild", "ours", "Be one."),
        ("user", "mine", "Be one."),
    ]
    await store.forget("ann")
    assert await store.personas("user", "ann") == []
    assert [(one.name, one.saved_by) for one in await store.personas("guild", "1")] == [
        ("ours", None)
    ]
    assert (await store.personal_data("ann")).personas == []


async def test_a_place_that_is_gone_leaves_nothing(store: Store) -> None:
    await store.set_setting("guild", "1", SettingKey.HOURLY_LIMIT, "2")
    await store.save_persona("guild", "2", persona("ours"), most=9)
    await store.set_setting("channel", "3", SettingKey.ALWAYS, "yes")
    assert await store.places("guild") == ["1", "2"]
    assert await store.places("channel") == ["3"]
    await store.drop_place("guild", "2")
    await store.drop_place("channel", "3")
    assert await store.places("guild") == ["1"]
    assert await store.places("channel") == await store.personas("guild", "2") == []
