"""What Open WebUI, LibreChat and SillyTavern send is answered, as far as the worker can."""

import pytest

from model.server.entry.openapi import describe_api
from tests.clients.recordings import Recorded, check, recordings


@pytest.mark.parametrize("recorded", recordings(), ids=str)
async def test_a_recorded_request_is_answered(start_worker, recorded: Recorded):
    worker = await start_worker(settings={} if recorded.keyless else {"worker_api_key": "k"})
    async with worker.session.request(
        recorded.method, recorded.path, headers=recorded.headers("k"), json=recorded.body
    ) as answer:
        check(recorded, describe_api(), answer.status, await answer.text(), forms=False)
