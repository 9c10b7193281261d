from dataclasses import replace

import pytest

from bot.discord.incoming.triggers import Incoming, Trigger, decide

PLAIN = Incoming(is_from_person=True, may_speak=True, text="hello")


def changed(**changes: object) -> Incoming:
    return replace(PLAIN, **changes)


@pytest.mark.parametrize("addressed", ["mentions_bot", "is_direct", "replies_to_bot"])
def test_who_addresses_it_is_answered(addressed: str):
    assert decide(changed(**{addressed: True}), listening=False) is Trigger.ANSWER


def test_other_messages_are_nobodys_business():
    assert decide(PLAIN, listening=False) is Trigger.IGNORE


def test_where_it_listens_everything_is_answered_but_calls_to_everyone():
    assert decide(PLAIN, listening=True) is Trigger.ANSWER
    assert decide(changed(mentions_everyone=True), listening=True) is Trigger.IGNORE
    assert decide(changed(text=""), listening=True) is Trigger.IGNORE


@pytest.mark.parametrize("off", [{"is_from_person": False}, {"may_speak": False}])
def test_nothing_else_counts_for_bots_and_where_it_may_not_speak(off: dict[str, bool]):
    incoming = changed(mentions_bot=True, is_direct=True, **off)
    assert incoming.is_for_people_only
    assert decide(incoming, listening=True) is Trigger.IGNORE


def test_a_call_to_everyone_that_names_it_too_is_answered():
    incoming = changed(mentions_everyone=True, mentions_bot=True)
    assert decide(incoming, listening=False) is Trigger.ANSWER


def test_an_empty_mention_gets_a_hint():
    assert decide(changed(text="", mentions_bot=True), listening=False) is Trigger.HINT
    assert decide(changed(text="", is_direct=True), listening=False) is Trigger.HINT


def test_an_empty_mention_under_a_message_means_that_one():
    incoming = changed(text="", mentions_bot=True, replies_readable=True)
    assert decide(incoming, listening=False) is Trigger.ANSWER_ABOUT


def test_a_reply_that_cannot_be_read_is_told_so():
    incoming = changed(text="", replies_to_bot=True, replies_readable=True)
    assert decide(incoming, listening=False) is Trigger.HINT_UNREADABLE


def test_a_file_of_text_is_enough_and_a_picture_is_not():
    text = changed(text="", mentions_bot=True, has_text_file=True)
    assert decide(text, listening=False) is Trigger.ANSWER
    picture = changed(text="", mentions_bot=True, has_other_file=True)
    assert decide(picture, listening=False) is Trigger.DECLINE_IMAGE
    both = changed(mentions_bot=True, has_other_file=True)
    assert decide(both, listening=False) is Trigger.ANSWER


@pytest.mark.parametrize("other", ["mentions_others", "replies_to_others", "mentions_everyone"])
def test_what_is_said_to_others_is_theirs_unless_it_is_named_too(other: str):
    assert decide(changed(**{other: True}), listening=True) is Trigger.IGNORE
    both = changed(mentions_bot=True, **{other: True})
    assert decide(both, listening=False) is Trigger.ANSWER
    alone_with_it = changed(is_direct=True, **{other: True})
    assert decide(alone_with_it, listening=False) is Trigger.ANSWER


def test_a_reply_to_it_that_names_only_somebody_else_is_theirs():
    reply = changed(replies_to_bot=True, mentions_others=True)
    assert decide(reply, listening=True) is Trigger.IGNORE
    assert decide(replace(reply, mentions_bot=True), listening=False) is Trigger.ANSWER
