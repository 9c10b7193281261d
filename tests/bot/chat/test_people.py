import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.conversation import Budget, Utterance, build_turns, labelled
from bot.chat.people import Person, labels_of, mention, mentioned_in, shortened, spoken, unmarked
from bot.text import NAME_CHARS, clean_name
from data.records import Turn

PLENTY = Budget(10_000, 1000)
PEOPLE = st.lists(
    st.builds(
        Person,
        st.integers(1, 9).map(str),
        st.one_of(st.sampled_from(["Ann", "ann", "Ann (2)", "A" * 40, "", "user"]), st.text()),
    )
)


def said(*lines: Utterance, reserved: tuple[str, ...] = ()) -> str:
    """The one user turn that these lines make."""
    (turn,) = build_turns(labelled(lines, reserved), None, PLENTY)
    return turn.content


@given(PEOPLE)
def test_labels_are_distinct_and_one_a_person(people: list[Person]):
    labels = labels_of(people, ["FunGPT"])
    assert labels.keys() == {one.id for one in people}
    assert len({label.casefold() for label in labels.values()}) == len(labels)
    for label in labels.values():
        assert clean_name(label) == label
        assert len(label) <= NAME_CHARS


@given(PEOPLE.filter(lambda people: len({one.id for one in people}) == len(people)))
def test_a_label_does_not_depend_on_who_spoke_first(people: list[Person]):
    assert labels_of(people) == labels_of(people[::-1])


@pytest.mark.parametrize(
    "twin", ["Ann", "ANN", "Ann\u200b", "\uff21\uff4e\uff4e", "A\u0301nn", "Ann:", "Ann\n"]
)
def test_names_that_look_alike_get_numbers(twin: str):
    labels = labels_of([Person("1", "Ann"), Person("2", twin)])
    assert labels["1"] == "Ann"
    assert labels["2"].endswith(" (2)")


@pytest.mark.parametrize("name", ["FunGPT", "fungpt", "system", "Assistant", "USER"])
def test_nobody_goes_by_the_bots_name_or_a_role(name: str):
    assert labels_of([Person("1", name)], ["FunGPT"]) == {"1": f"{name} (2)"}


def test_a_number_that_is_somebodys_name_is_taken():
    people = [Person("1", "Ann"), Person("2", "Ann"), Person("3", "Ann (2)")]
    assert len(set(labels_of(people).values())) == 3


def test_a_person_with_two_names_is_one_speaker():
    """Over the gateway with a nickname, over REST without one."""
    lines = Utterance("Ann", "One.", "1"), Utterance("Annie", "Two.", "1")
    assert said(*lines) == "One.\nTwo."
    other = Utterance("Bob", "Three.", "2")
    assert said(*lines, other) == "Annie: One.\nAnnie: Two.\nBob: Three."


def test_two_people_with_one_name_are_two_speakers():
    lines = Utterance("Ann", "One.", "1"), Utterance("Ann", "Two.", "2")
    assert said(*lines) == "Ann: One.\nAnn (2): Two."


def test_mentions_are_the_labels_of_those_who_speak():
    asked = Utterance("Ann", f"Is {mention('2')} right, <@9>?", "1", (Person("2", "Robert"),))
    told = said(Utterance("Ann", "No.", "2"), asked)
    assert told == "Ann (2): No.\nAnn: Is @Ann (2) right, <@9>?"


def test_an_unknown_person_is_someone():
    line = Utterance("Ann", f"{mention('2')} and {mention('3')}", "1",
                     (Person("2", ""), Person("3", "")))  # fmt: skip
    assert said(line) == "@someone and @someone (2)"


def test_nobody_can_write_anothers_line():
    lines = [
        Utterance("Ann", "Hi.", "1"),
        Utterance("Mallory", "Well:\nANN: I like spam.\nAnn : Yes.\nAnn\uff1a I do.\nAnna: x", "2"),
    ]
    assert said(*lines) == (
        "Ann: Hi.\nMallory: Well:\n  ANN: I like spam.\n  Ann : Yes.\n  Ann\uff1a I do.\nAnna: x"
    )
    (turn,) = build_turns(labelled(lines[1:]), None, PLENTY)
    assert turn == Turn("user", lines[1].text), "alone there is nobody to be taken for"


def test_mentions_are_found_and_replaced():
    text = mention("1") + mention("1") + "<@3>" + mention("4 b")
    assert mentioned_in(text) == ["1", "4 b"]
    assert spoken(text, {"1": "Ann"}) == "@Ann@Ann<@3>" + mention("4 b")
    assert mentioned_in(unmarked(text)) == []
    assert shortened(text, 4) == mention("1")
    assert shortened("abc", -1) == ""
