import pytest

from bot.discord.answer.picture import Picture
from bot.discord.answer.screen import Screen
from data.records import RequestMessage
from tests.fakes.outlet import FakeOutlet, refusal, stop_row

ROW, STOP_ID = stop_row(7)


class Noted:
    def __init__(self) -> None:
        self.messages: list[RequestMessage] = []

    async def __call__(self, message: RequestMessage) -> None:
        self.messages.append(message)


def screen(outlet: FakeOutlet, *known: int) -> tuple[Screen, Noted]:
    noted = Noted()
    made = Screen(outlet, 7, noted)
    made.adopt(known)
    return made, noted


async def test_messages_are_sent_noted_and_then_changed():
    outlet = FakeOutlet()
    one, noted = screen(outlet)
    assert one.is_empty
    await one.show(Picture(("a",), ROW))
    await one.show(Picture(("ab",), ROW))
    assert outlet.shown == ["ab"]
    assert outlet.calls == ["send", "edit"]
    assert noted.messages == [RequestMessage("5", "101", 0)] == one.messages


async def test_what_looks_right_is_left_alone():
    outlet = FakeOutlet()
    one, _ = screen(outlet)
    await one.show(Picture(("a", "b"), ROW))
    await one.show(Picture(("a", "bc"), ROW))
    assert outlet.calls == ["send", "send", "edit"]


async def test_the_buttons_move_to_the_last_message():
    outlet = FakeOutlet()
    one, _ = screen(outlet)
    await one.show(Picture(("a",), ROW))
    assert outlet.buttons[101] == [STOP_ID]
    await one.show(Picture(("a", "b"), ROW))
    assert outlet.buttons == {101: [], 102: [STOP_ID]}
    await one.show(Picture(("a", "b"), None))
    assert outlet.buttons[102] == []


async def test_messages_too_many_are_taken_away_but_never_the_first():
    outlet = FakeOutlet()
    one, _ = screen(outlet)
    await one.show(Picture(("a", "b", "c"), None))
    await one.show(Picture(("again",), None))
    assert outlet.shown == ["again"]
    await one.show(Picture((), None))
    assert outlet.shown == ["again"]


async def test_a_message_that_is_gone_already_can_be_taken_away():
    outlet = FakeOutlet()
    one, _ = screen(outlet)
    await one.show(Picture(("a", "b"), None))
    del outlet.messages[102]
    await one.show(Picture(("a",), None))
    assert [message.message_id for message in one.messages] == ["101"]


async def test_a_nonce_names_request_and_place_and_is_not_used_for_another_message():
    outlet = FakeOutlet()
    one, _ = screen(outlet)
    await one.show(Picture(("a", "b"), None))
    await one.show(Picture(("a",), None))
    await one.show(Picture(("a", "c"), None))
    assert outlet.nonces == ["7-0-0", "7-1-0", "7-1-1"]


async def test_a_send_that_failed_is_tried_again_under_the_same_nonce():
    outlet = FakeOutlet()
    one, noted = screen(outlet)
    outlet.failures.append(refusal(502))
    with pytest.raises(Exception, match="502"):
        await one.show(Picture(("a",), None))
    assert one.is_empty
    await one.show(Picture(("a",), None))
    assert outlet.nonces == ["7-0-0"]
    assert len(noted.messages) == 1


async def test_messages_of_an_earlier_process_are_used_again():
    outlet = FakeOutlet(messages={55: "old"})
    one, noted = screen(outlet, 55)
    await one.show(Picture(("old", "new"), ROW))
    assert outlet.shown == ["old", "new"]
    assert outlet.calls == ["edit", "send"]
    assert [message.position for message in noted.messages] == [1]
