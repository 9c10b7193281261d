import pytest

from bot.chat.people import Person, mention, unmarked
from bot.discord.content.markup import MentionNames, people_in, readable

ME, ROLE, ANN, MODS, ROOM = (
    "111111111111111111", "222222222222222222", "333333333333333333", "444444444444444444",
    "555555555555555555",
)  # fmt: skip
NAMES = MentionNames(
    ours=frozenset({int(ME), int(ROLE)}),
    own_name="Fun",
    people={int(ANN): "Ann"},
    role={int(MODS): "Mods"}.get,
    channel={int(ROOM): "room"}.get,
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"<@{ME}> hi", "hi"),
        (f"<@!{ME}>\nhi <@{ME}>", "hi"),
        (f"<@&{ROLE}> <@{ME}> hi", "hi"),
        (f"does <@{ME}> know <@&{ROLE}> too?", "does @Fun know @Fun too?"),
        (f"is <@{ANN}> right?", f"is {mention(ANN)} right?"),
        (f"<@!{ANN}>", mention(ANN)),
        (f"ask <@&{MODS}> in <#{ROOM}>", "ask @Mods in #room"),
        ("ask <@&999999999999999999>", "ask @someone"),
        ("see <#999999999999999999>", "see #?"),
        ("<:blob:123456789012345678> <a:dance:123456789012345678>", ":blob: :dance:"),
        (f"<@{ME}>", ""),
        ("a < b and <@ nobody", "a < b and <@ nobody"),
        ("</ask:123456789012345678> </settings show:123456789012345678>", "/ask /settings show"),
        ("<id:customize>, <id:browse>, <id:linked-roles:1>",
         "Channels & Roles, Browse Channels, Linked Roles"),
        ("<sound:0:123456789012345678>", "[sound]"),
        (f"`<@{ANN}>` and ```\n<#{ROOM}>\n``` stay", f"`<@{ANN}>` and ```\n<#{ROOM}>\n``` stay"),
        (f"a lone ` before <#{ROOM}>", "a lone ` before #room"),
    ],
)  # fmt: skip
def test_markup_becomes_what_people_see(content: str, text: str):
    assert readable(content, NAMES) == text


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("", "05 June 2024 07:08 UTC"),
        (":f", "05 June 2024 07:08 UTC"),
        (":F", "Wednesday, 05 June 2024 07:08 UTC"),
        (":t", "07:08 UTC"),
        (":T", "07:08:09 UTC"),
        (":d", "05/06/2024"),
        (":D", "05 June 2024"),
        (":R", "05 June 2024 07:08 UTC"),
    ],
)
def test_timestamps_become_dates(style: str, text: str):
    assert readable(f"at <t:1717571289{style}>.", NAMES) == f"at {text}."


def test_a_time_that_no_calendar_has_stays():
    assert readable("<t:99999999999999999:R>", NAMES) == "<t:99999999999999999:R>"


def test_people_are_named_where_they_are_known():
    text = readable(f"<@{ANN}> and <@999999999999999999>", NAMES)
    assert people_in(text, NAMES) == (Person(ANN, "Ann"), Person("999999999999999999", ""))


def test_nobody_can_type_a_mention_of_ours():
    assert readable(f"x{mention(ANN)}y", NAMES) == f"x{ANN}y" == unmarked(f"x{mention(ANN)}y")
