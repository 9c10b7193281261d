"""What cleaning one text takes away, and that doing it twice changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.prepare.cleaning.clean import changes, clean, is_gone
from training.prepare.cleaning.rule import EVERY_RULE, CleaningRule


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("tea &amp; toast", "tea & toast"),
        ("tea &amp;amp; toast", "tea & toast"),
        ("one\\n\\ntwo", "one\n\ntwo"),
        ("one\\r\\ntwo\\tthree", "one\ntwo three"),
        ("  many   spaces \t here  ", "many spaces here"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("bell\x07 and\x00nul", "bell and nul"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("e\u0301", "é"),
        ("👩‍🚀 stays whole", "👩‍🚀 stays whole"),
        ("[deleted]", ""),
        (" [Removed] ", ""),
        ("deleted scenes are great", "deleted scenes are great"),
        ("&nbsp;&#8203;", ""),
        ("\ud800", ""),
    ],
)
def test_cleans(raw, cleaned):
    found = clean(raw)
    assert ("" if is_gone(found) else found) == cleaned


PIECES = [
    "&amp;", "gt;", "lt;", "#64;", "\\n", "\n", " ", "> ", ">!", "!<", "EDIT: ", "[link]", "[", "]",
    "(", ")", "![a](", "http://", "www.", "a.com/", "u/", "/", "@", "abc", "name", "<", ":", "é",
    "e\u0301", "\u200b", "*", ".", "[deleted]", "\0", "`", "```", "~~~", "    ", "\t", "$", "\\(",
    "\\)", "^", "|", "5", "- ", "\\", "C:\\", "\u00a0", "\u3000", "\u200f", "ש", "ท", "\r",
    "\ud800", "\udc00", "&nbsp;", "&#96;", "&#10;", "(edit: ", "\u2028", "@a\ndef ", ">>> ", "_-_",
    "'", "edited to add",
]  # fmt: skip
TEXTS = st.text() | st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
RULES = st.sets(st.sampled_from(CleaningRule)) | st.just(set(CleaningRule))


@settings(max_examples=1_000, deadline=None)
@given(TEXTS, RULES)
def test_a_clean_text_stays_as_it_is(text, rules):
    assert clean(clean(text, rules), rules) == clean(text, rules)


@settings(max_examples=200, deadline=None)
@given(TEXTS, RULES)
def test_the_changes_lead_from_the_text_to_the_clean_one(text, rules):
    found = list(changes(text, rules))
    assert [change.after for change in found][:-1] == [change.before for change in found][1:]
    assert {change.rule for change in found} <= rules | {CleaningRule.CHARACTERS}
    assert not found or (found[0].before, found[-1].after) == (text, clean(text, rules))


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_characters="`~$\\", exclude_categories=["Cs"])),
    st.lists(st.sampled_from([p for p in PIECES if not any(c in "`~\r\ud800\udc00" for c in p)])),
)  # fmt: skip
def test_a_block_of_code_stays_to_the_character(before, pieces):
    code = f"```\n{''.join(pieces)}\n```"
    assert code in clean(f"{before}\n\n{code}\n\nnext")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (CleaningRule.ENTITIES, "a &amp; b"),
        (CleaningRule.ESCAPES, r"a.\nb"),
        (CleaningRule.CHARACTERS, "a\u00adb\x07"),
        (CleaningRule.COMPOSITION, "e\u0301"),
        (CleaningRule.SPACES, " a   b \n\n\n\n"),
        (CleaningRule.SPOILERS, "a >!b!<"),
        (CleaningRule.QUOTES, "> a\nb"),
        (CleaningRule.EDITS, "a\nEDIT: b"),
        (CleaningRule.LINKS, "[a](https://example.org) https://example.org"),
        (CleaningRule.EMOJI, "<:a:1>"),
        (CleaningRule.NAMES, "@somebody u/somebody a@example.org"),
    ],
)
def test_each_rule_can_be_switched_off(rule, text):
    assert [change.rule for change in changes(text, [rule])]
    assert clean(text, EVERY_RULE - {rule}) == text
    assert clean(text, ()) == text


def test_half_a_character_and_foreign_line_ends_go_in_any_case():
    assert clean("a\ud800b\r\nc\rd", ()) == "a b\nc\nd"
