"""Typed lines become commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.terminal.commands import (
    MANUALS,
    AskBoth,
    AskPersona,
    ChooseModel,
    Misunderstood,
    Parsed,
    PersonaVerb,
    Quit,
    RateAnswer,
    Reset,
    Say,
    ShowHelp,
    ShowModel,
    ShowStats,
    parse,
)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello there", Say("hello there")),
        ("  hello ", Say("hello")),
        ("", Say("")),
        ("1/2 is a half", Say("1/2 is a half")),
        ("//etc is what?", Say("/etc is what?")),
        ("/model", ShowModel()),
        ("/model base", ChooseModel("base")),
        ("/MODEL Tuned", ChooseModel("Tuned")),
        ("/both what  is\nthis?", AskBoth("what  is\nthis?")),
        ("/rate 👍", RateAnswer("👍")),
        ("/rate good tuned", RateAnswer("good", "tuned")),
        ("/rate bad #12", RateAnswer("bad", "12")),
        ("/stats", ShowStats()),
        ("/persona", AskPersona(PersonaVerb.SHOW)),
        ("/persona LIST", AskPersona(PersonaVerb.LIST)),
        ("/persona set  Be a pirate. ", AskPersona(PersonaVerb.SET, "Be a pirate.")),
        ("/persona save old pirate", AskPersona(PersonaVerb.SAVE, "old pirate")),
        ("/persona use it", AskPersona(PersonaVerb.USE, "it")),
        ("/persona delete it", AskPersona(PersonaVerb.DELETE, "it")),
        ("/persona clear", AskPersona(PersonaVerb.CLEAR)),
        ("/reset", Reset()),
        ("/help", ShowHelp()),
        ("/quit", Quit()),
    ],
)
def test_lines(line: str, meaning: Parsed):
    assert parse(line) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "/both",
        "/rate",
        "/rate a b c",
        "/model a b",
        "/quit now",
        "/persona set",
        "/persona list all",
        "/persona sett x",
    ],
)
def test_a_known_command_in_a_wrong_way_shows_its_usage(line: str):
    name = line.split()[0]
    verdict = parse(line)
    assert isinstance(verdict, Misunderstood)
    assert f"Like this, please: {name}" in verdict.message


def test_an_unknown_command_names_the_nearest_and_all():
    verdict = parse("/modle base")
    assert isinstance(verdict, Misunderstood)
    assert "Did you mean /model?" in verdict.message
    assert all(f"/{manual.name}" in verdict.message for manual in MANUALS)


def test_nothing_near_is_not_guessed_and_a_long_name_is_cut():
    verdict = parse("/" + "x" * 5000)
    assert isinstance(verdict, Misunderstood)
    assert "Did you mean" not in verdict.message
    assert len(verdict.message) < 300


@given(st.text())
def test_any_line_means_something(line: str):
    assert parse(line) is not None
