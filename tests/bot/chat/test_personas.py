import pytest

from bot.chat import personas as module
from bot.chat.personas import PersonaOwner, PersonaShelf, persona_name
from bot.errors import UserError
from data.store.store import Store

SERVER = PersonaOwner("guild", "1")


@pytest.fixture
async def shelf(tmp_path):
    async with await Store.open(tmp_path / "test.db") as store:
        yield PersonaShelf(store)


async def test_a_persona_is_found_by_its_name_in_any_case(shelf):
    saved = await shelf.save(SERVER, "  Old\nPirate ", " Say arr. ", "ann")
    assert (saved.name, saved.text, saved.saved_by) == ("Old Pirate", "Say arr.", "ann")
    assert await shelf.named(SERVER, "old PIRATE") == saved
    assert await shelf.all(SERVER) == [saved]
    assert await shelf.all(PersonaOwner("user", "1")) == []
    await shelf.delete(SERVER, "OLD pirate")
    assert await shelf.all(SERVER) == []


async def test_what_cannot_be_is_said(shelf, monkeypatch):
    with pytest.raises(UserError, match="no saved persona yet"):
        await shelf.named(SERVER, "pirate")
    await shelf.save(SERVER, "pirate", "Say arr.", "ann")
    with pytest.raises(UserError, match="called Pirate already"):
        await shelf.save(SERVER, "Pirate", "Other.", "bob")
    assert (await shelf.save(SERVER, "Pirate", "Other.", "bob", replace=True)).text == "Other."
    for doing in (shelf.named, shelf.delete):
        with pytest.raises(UserError, match=r"no persona called 'bard'. There are: Pirate\."):
            await doing(SERVER, "bard")
    monkeypatch.setattr(module, "MOST", 1)
    with pytest.raises(UserError, match="delete one first"):
        await shelf.save(SERVER, "bard", "Sing.", "ann")


@pytest.mark.parametrize("name", ["", " \n", "\u200b", "x" * 33, ":"])
def test_what_is_no_name(name):
    with pytest.raises(UserError):
        persona_name(name)


def test_a_name_is_one_short_line():
    assert persona_name(" a:\n b ") == "a b"
    assert persona_name("x" * 32) == "x" * 32
