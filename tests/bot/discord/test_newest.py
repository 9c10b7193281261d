from bot.discord.newest import Newest


def test_what_was_not_used_for_longest_goes_first():
    kept: Newest[int, str] = Newest(2)
    kept.put(1, "one")
    kept.put(2, "two")
    assert kept.get(1) == "one"
    kept.put(3, "three")
    assert (kept.get(1), kept.get(2), kept.get(3)) == ("one", None, "three")
    assert len(kept) == 2
    kept.put(1, "uno")
    assert kept.get(1) == "uno"


def test_what_is_forgotten_is_gone():
    kept: Newest[int, str] = Newest(2)
    kept.put(1, "one")
    kept.forget(1)
    kept.forget(5)
    assert kept.get(1) is None
    kept.put(2, "two")
    kept.clear()
    assert len(kept) == 0
