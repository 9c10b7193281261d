import pytest

from data.errors import StoreConflict
from data.store.store import Store


async def test_a_setting_is_set_changed_and_taken_away(store: Store) -> None:
    assert await store.setting("user", "ann", "variant") is None
    for value in ("base", "tuned", ""):
        await store.set_setting("user", "ann", "variant", value)
        assert await store.setting("user", "ann", "variant") == value
    await store.set_setting("user", "ann", "variant", None)
    await store.set_setting("user", "ann", "variant", None)
    assert await store.setting("user", "ann", "variant") is None


async def test_scopes_ids_and_keys_are_apart(store: Store) -> None:
    places = [
        ("global", "", "variant"),
        ("user", "1", "variant"),
        ("channel", "1", "variant"),
        ("guild", "1", "variant"),
        ("conversation", "1", "variant"),
        ("conversation", "2", "variant"),
        ("conversation", "2", "persona"),
    ]
    for number, place in enumerate(places):
        await store.set_setting(*place, str(number))
    assert [await store.setting(*place) for place in places] == list("0123456")


async def test_a_scope_that_there_is_not_is_refused(store: Store) -> None:
    with pytest.raises(StoreConflict, match="scope"):
        await store.set_setting("planet", "1", "k", "v")


async def test_a_reset_leaves_its_time(store: Store, clock) -> None:
    await store.reset("room")
    clock.advance(days=1)
    await store.reset("room")
    assert await store.setting("conversation", "room", "reset_at") == (
        "2026-01-03T03:04:05.000000+00:00"
    )
