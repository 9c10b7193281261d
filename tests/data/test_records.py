import pytest

from data.records import RatingKind, RequestState, Turn, merge_turns


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("good", RatingKind.GOOD),
        (" Good ", RatingKind.GOOD),
        ("👍", RatingKind.GOOD),
        ("👍🏿", RatingKind.GOOD),
        ("👍️", RatingKind.GOOD),
        ("👎🏻", RatingKind.BAD),
        ("😂", RatingKind.FUNNY),
        ("🤖\ufe0e", RatingKind.ROBOTIC),
        ("ROBOTIC", RatingKind.ROBOTIC),
    ],
)
def test_a_kind_is_read_from_its_name_or_emoji(text: str, kind: RatingKind) -> None:
    assert RatingKind.parse(text) is kind


@pytest.mark.parametrize("text", ["", "great", "👍👍", "\ufe0f", "🏿", "x" * 5000, "\ud800"])
def test_what_is_no_kind_is_told_what_there_is(text: str) -> None:
    with pytest.raises(ValueError, match="👍 good, 👎 bad, 😂 funny, 🤖 robotic") as caught:
        RatingKind.parse(text)
    assert len(str(caught.value)) < 400


def test_good_and_bad_exclude_each_other_and_nothing_else_does() -> None:
    assert {kind: kind.excludes for kind in RatingKind} == {
        RatingKind.GOOD: RatingKind.BAD,
        RatingKind.BAD: RatingKind.GOOD,
        RatingKind.FUNNY: None,
        RatingKind.ROBOTIC: None,
    }


def test_only_waiting_and_running_are_not_final() -> None:
    assert [state for state in RequestState if not state.is_final] == ["waiting", "running"]


def test_merge_leaves_out_the_empty_and_joins_over_them() -> None:
    turns = [Turn("user", "a"), Turn("assistant", ""), Turn("user", "b"), Turn("assistant", "c")]
    turns.insert(2, Turn("assistant", " \n"))
    assert merge_turns(turns) == (Turn("user", "a\nb"), Turn("assistant", "c"))
