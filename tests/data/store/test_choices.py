from typing import cast

import pytest

from data.errors import StoreConflict
from data.records import Scope, SettingKey
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
        "discord_commands",
        "export_key",
    ]
