"""What the operator reads when the store cannot say something: each line now and then."""

import pytest

from bot.discord.following.doubts import LEFT_ALONE, PAUSE_S, Doubts
from tests.bot.rig import ManualClock


def test_each_line_is_written_once_in_a_while_whatever_others_say(caplog: pytest.LogCaptureFixture):
    clock = ManualClock()
    doubts = Doubts(clock.clock)
    fault = OSError("disk")
    for _ in range(3):
        doubts.note(fault, "something stays")
        doubts.note(fault)
    assert caplog.messages == [
        "something stays: OSError: disk (0 more since the last such line)",
        f"{LEFT_ALONE}: OSError: disk (0 more since the last such line)",
    ]
    clock.advance(PAUSE_S)
    doubts.note(fault)
    assert caplog.messages[2:] == [f"{LEFT_ALONE}: OSError: disk (2 more since the last such line)"]
