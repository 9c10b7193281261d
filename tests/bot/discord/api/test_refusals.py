import logging

import discord
import pytest

from bot.discord.api.refusals import REMEDIES, RefusalLog, Remedy, refused_fields, remedy
from tests.fakes.outlet import refusal


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (404, 10003, Remedy.GONE), (404, 10008, Remedy.GONE), (404, 10004, Remedy.GONE),
        (404, 0, Remedy.GONE), (403, 50001, Remedy.FORBIDDEN), (403, 50013, Remedy.FORBIDDEN),
        (403, 50007, Remedy.FORBIDDEN), (403, 1234567, Remedy.FORBIDDEN),
        (401, 0, Remedy.FORBIDDEN), (400, 200000, Remedy.REWORD), (403, 240000, Remedy.REWORD),
        (400, 200001, Remedy.REWORD), (403, 160002, Remedy.UNREFERENCED),
        (400, 50083, Remedy.UNARCHIVE), (400, 160005, Remedy.FORBIDDEN),
        (400, 30046, Remedy.LATER), (429, 20016, Remedy.LATER), (429, 0, Remedy.LATER),
        (500, 0, Remedy.LATER), (503, 50013, Remedy.LATER), (404, 10062, Remedy.AS_MESSAGE),
        (400, 40060, Remedy.AS_MESSAGE), (401, 50027, Remedy.AS_MESSAGE),
        (403, 90001, Remedy.NO_REACTIONS), (400, 30010, Remedy.NO_REACTIONS),
        (400, 10014, Remedy.NO_REACTION), (413, 0, Remedy.REWORD), (400, 0, Remedy.UNKNOWN),
        (400, 7654321, Remedy.UNKNOWN),
    ],
)  # fmt: skip
def test_each_refusal_has_its_remedy(status: int, code: int, wanted: Remedy):
    assert remedy(refusal(status, code)) is wanted


def form(**fields: object) -> discord.HTTPException:
    inner = {name: {"_errors": [{"code": "BAD", "message": "bad: really\nbad"}]} for name in fields}
    return refusal(400, 50035, errors=inner)


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("message_reference", Remedy.UNREFERENCED),
        ("components", Remedy.WITHOUT_BUTTONS),
        ("content", Remedy.REWORD),
        ("name", Remedy.REWORD),
        ("nonce", Remedy.UNKNOWN),
    ],
)
def test_an_invalid_form_goes_by_its_field(field: str, wanted: Remedy):
    assert remedy(form(**{field: None})) is wanted
    assert refused_fields(form(**{field: None})) == [field]


def test_a_nested_field_counts_by_its_outermost_name():
    errors = {"components": {"0": {"components": {"1": {"_errors": [{"message": "no"}]}}}}}
    assert refused_fields(refusal(400, 50035, errors=errors)) == ["components"]


def test_every_code_has_one_remedy():
    assert len(REMEDIES) > 50
    assert all(isinstance(kind, Remedy) for kind in REMEDIES.values())


def test_the_operator_is_told_once_for_each_channel_and_kind(caplog: pytest.LogCaptureFixture):
    log = RefusalLog()
    with caplog.at_level(logging.WARNING):
        for channel in (1, 1, 2):
            log.tell(channel, refusal(403, 160002))
        log.tell(1, refusal(403, 50013))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        f"Discord refuses something in channel {number}" for number in (1, 2, 1)
    ]
    assert "Read Message History" in caplog.records[0].getMessage()
