import pytest

from model.errors import ConfigError
from model.scripted.script import Script, parse_script


def test_no_script_is_the_default_script():
    assert parse_script(None) == parse_script("") == Script()


def test_the_template_s_words_are_filled_in():
    script = parse_script('{"replies": {"tuned": "{variant} {seed} {turns}: {prompt}"}}')
    assert script.answer("tuned", "{seed}?", 7, 2) == "tuned 7 2: {seed}?"
    assert script.answer("base", "hi", 7, 1) == "base: hi"


@pytest.mark.parametrize(
    ("text", "named"),
    [("{", "JSON"), ('{"pace": 1}', "pace"), ('{"step_seconds": -1}', "step_seconds")],
)
def test_a_wrong_script_is_refused_in_one_line(text, named):
    with pytest.raises(ConfigError, match=named) as refused:
        parse_script(text)
    assert str(refused.value).startswith("FUNGPT_SCRIPT: ")
    assert "\n" not in str(refused.value)
