import pytest

from bot.discord.incoming.addressing import calls_in

ANN = 123456789012345678
CALL = f"<@{ANN}>"


@pytest.mark.parametrize(
    "text",
    [
        f"{CALL} hi",
        f"hi <@!{ANN}>",
        f"```py\nx\n``` {CALL}",
        f"`a` {CALL} `b`",
        f"> quoted\n{CALL}",
        f"a > {CALL}",
        f">no quote {CALL}",
        f"`no code {CALL}",
        f"``` no code either {CALL}",
    ],
)
def test_a_call_is_a_name_in_ones_own_words(text: str):
    assert calls_in(text).people == {ANN}


@pytest.mark.parametrize(
    "text",
    [
        f"`{CALL}` hi",
        f"``{CALL} ` `` hi",
        f"```\n{CALL}\n```",
        f"> {CALL} said\nok",
        f"hm\n  > {CALL}",
        f">>> so\n{CALL}",
        f"\\{CALL}",
        "@ann",
    ],
)
def test_code_and_quotes_call_nobody(text: str):
    assert calls_in(text).people == frozenset()


def test_roles_and_everybody_are_called_as_well():
    calls = calls_in(f"<@&{ANN}> @here")
    assert (calls.roles, calls.people, calls.everybody) == ({ANN}, frozenset(), True)
    assert not calls_in("`@everyone`").everybody
    assert not calls_in("me@everyones.example").everybody
