import pytest

from bot.errors import QueueFull, ShuttingDown, TooManyWaiting, UserError, VariantsUnknown


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (QueueFull(0.2), "about 1 second."),
        (QueueFull(45), "about 45 seconds."),
        (QueueFull(200), "about 3 minutes."),
        (TooManyWaiting(1, 20), "1 message of yours. Please try again in about 20 seconds"),
        (ShuttingDown(), "ask me again"),
        (VariantsUnknown(), "try again"),
    ],
)
def test_what_a_person_reads_is_one_clear_line(error, words):
    assert isinstance(error, UserError)
    assert words in str(error)
    assert "\n" not in str(error)
