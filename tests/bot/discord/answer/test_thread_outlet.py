import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.answer.thread_outlet import UNTITLED, title_of
from bot.text import is_visible


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("**Is** a hot dog a `sandwich`?", "Is a hot dog a sandwich?"),
        ("# big question\n> quoted", "big question quoted"),
        ("what is foo_bar in C#?", "what is foo_bar in C#?"),
        ("https://example.com/x", UNTITLED),
        ("\u3164", UNTITLED),
        ("", UNTITLED),
        ("||spoiler||", "spoiler"),
        ("word " * 40, "word " * 15 + "word…"),
    ],
)
def test_a_title_for_a_question(question: str, title: str):
    assert title_of(question) == title


@given(st.text(max_size=300))
def test_discord_takes_every_title(question: str):
    title = title_of(question)
    assert 1 <= len(title.encode("utf-16-le")) // 2 <= 200
    assert len(title) <= 100
    assert is_visible(title)
    assert "\n" not in title
