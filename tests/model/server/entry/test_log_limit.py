import logging

from model.server.entry.log_limit import MOST, WINDOW_S, RepeatLimit


def lines(limit: RepeatLimit, text: str, count: int, *arguments: object) -> list[str]:
    records = [
        logging.LogRecord("a", logging.ERROR, "p", 1, text, arguments, None) for _ in range(count)
    ]
    return [record.getMessage() for record in records if limit.filter(record)]


def test_a_line_is_cut_after_so_many_and_comes_back_later():
    now = [0.0]
    limit = RepeatLimit(lambda: now[0])
    said = lines(limit, "no file handle left: %s", 5 * MOST, 24)
    assert len(said) == MOST
    assert said[0] == "no file handle left: 24"
    assert "no more of it" in said[-1]
    assert lines(limit, "something else", 1) == ["something else"]
    now[0] = WINDOW_S
    assert lines(limit, "no file handle left: %s", 1, 24) == ["no file handle left: 24"]


def test_lines_of_endless_variety_are_not_remembered_for_ever():
    limit = RepeatLimit()
    for number in range(5000):
        assert lines(limit, f"line {number}", 1)
    assert len(limit._seen) <= 1024
