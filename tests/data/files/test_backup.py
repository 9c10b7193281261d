from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import DataError, StoreDamaged, StoreError
from data.files.backup import backup
from data.store.store import Store


async def test_a_copy_is_whole_while_the_store_is_open(
    store: Store, answered, database: Path, tmp_path: Path
) -> None:
    answer = await answered(store)
    out = tmp_path / "copies" / "copy.db"
    out.parent.mkdir()
    backup(database, out)
    await answered(store, answer={"text": "later"})
    assert list(out.parent.iterdir()) == [out]
    async with await Store.open(out) as copy:
        assert await copy.last_answer("room") == answer


async def test_a_copy_is_no_copy_over_another(store: Store, database: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy.db"
    out.write_text("the only copy of something")
    with pytest.raises(DataError, match="exists already"):
        backup(database, out)
    assert out.read_text() == "the only copy of something"


@pytest.mark.parametrize("page", [0, 1])
def test_a_damaged_database_is_not_copied(
    database: Path, tmp_path: Path, damage_page: Callable[[int], bytes], page: int
) -> None:
    damage_page(page)
    with pytest.raises(StoreDamaged, match=r"fungpt\.db is damaged"):
        backup(database, tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == [database.parent]


def test_there_must_be_something_to_copy(database: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        backup(database, tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


async def test_a_place_without_room_is_told_of(store: Store, database: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        backup(database, Path("/proc/copy.db"))
