import pytest

from bot.discord.incoming.reading import MentionNames, readable

ME, ROLE, ANN, MODS, ROOM = (
    "111111111111111111", "222222222222222222", "333333333333333333", "444444444444444444",
    "555555555555555555",
)  # fmt: skip
NAMES = MentionNames(
    ours=frozenset({int(ME), int(ROLE)}),
    people={int(ME): "Fun", int(ANN): "Ann"},
    roles={int(MODS): "Mods"},
    channels={int(ROOM): "room"},
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"<@{ME}> hi", "hi"),
        (f"<@!{ME}>\nhi <@{ME}>", "hi"),
        (f"<@&{ROLE}> hi", "hi"),
        (f"is <@{ANN}> right?", "is @Ann right?"),
        (f"ask <@&{MODS}> in <#{ROOM}>", "ask @Mods in #room"),
        ("who is <@999999999999999999>?", "who is @someone?"),
        ("see <#999999999999999999>", "see #?"),
        ("<:blob:123456789012345678> <a:dance:123456789012345678>", ":blob: :dance:"),
        (f"<@{ME}>", ""),
        ("a < b and <@ nobody", "a < b and <@ nobody"),
    ],
)
def test_mentions_become_words(content: str, text: str):
    assert readable(content, NAMES) == text
