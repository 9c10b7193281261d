from datetime import UTC, datetime

import pytest

from bot.chat.events import Delta, Ended, Queued, Restarted
from bot.chat.ticket import Ticket
from data.records import Request, RequestState
from tests.fakes.sampling import stored_sampling


@pytest.fixture
def ticket():
    return Ticket(
        Request(
            id=1, source_key="k", conversation="c", front_end="f", user_id="u", user_name="n",
            prompt="p", turns=(), variant="base", sampling=stored_sampling(),
            state=RequestState.WAITING, attempts=0, created_at=datetime(2025, 1, 1, tzinfo=UTC),
        )
    )  # fmt: skip


def test_text_is_what_came_since_the_last_restart(ticket):
    for event in (Delta("a"), Restarted("again"), Delta("b"), Delta("c")):
        ticket.publish(event)
    assert ticket.text == "bc"
    assert ticket.last_queued is None


def test_nothing_comes_after_the_end(ticket):
    ticket.publish(Queued(1, 1, None))
    assert ticket.last_queued == Queued(1, 1, None)
    ticket.publish(Ended(RequestState.FAILED, "x"))
    with pytest.raises(RuntimeError, match="too late"):
        ticket.publish(Delta("a"))
    ticket.stop()
