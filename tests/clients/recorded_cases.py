"""What Open WebUI, LibreChat and SillyTavern send, to the demo model."""

import httpx
import pytest

from tests.clients.answers import LIMIT_S, Place
from tests.clients.recordings import Recorded, check, recordings


@pytest.mark.parametrize("recorded", recordings(), ids=str)
def test_a_recorded_request_is_answered(recorded: Recorded, demo: Place):
    if recorded.keyless:
        pytest.skip("this worker has a key")
    with httpx.Client(base_url=demo.url, timeout=LIMIT_S) as client:
        described = client.get("/openapi.json", headers=recorded.headers(demo.key)).json()
        answer = client.request(
            recorded.method,
            recorded.path,
            headers=recorded.headers(demo.key),
            json=recorded.short(16),
        )
    check(recorded, described, answer.status_code, answer.text)
