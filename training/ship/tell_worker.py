"""Telling a running worker which adapter answers now.

A worker that is not told looks into the registry by itself.
"""

from dataclasses import dataclass, field
from typing import cast

import httpx2

from model.loading.registry import POLL_S

DEFAULT_URL = "http://127.0.0.1:8000"
_CONNECT_S = 2.0
_ADOPT_S = 90.0  # the worker reads the adapter before it answers
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LOOKS = (
    f"a worker that runs over the same files takes it within {POLL_S:g} s, others at their start"
)


@dataclass(frozen=True, slots=True)
class WorkerAddress:
    """The address of a worker and the key for it. Without both, no worker is told."""

    url: str | None = None
    key: str | None = field(default=None, repr=False)

    def tell(self, name: str, version: str | None) -> str:
        """Let the worker serve a version as `name`; return a sentence about its answer.

        None as version means the adapter of the worker's settings. No error is raised if the
        worker cannot be reached, since it looks into the registry by itself.
        """
        if self.url is None and self.key is None:
            return LOOKS
        root = (self.url or DEFAULT_URL).rstrip("/").removesuffix("/v1")
        try:
            answer = self._ask(root, name, version)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return f"no worker answers at {root}; {LOOKS}"
        if answer.is_success:
            return f"the worker at {root} answers with it from now on"
        return f"the worker at {root} did not take it ({_reason(answer)}); {LOOKS}"

    def _ask(self, root: str, name: str, version: str | None) -> httpx2.Response:
        address = f"{root}/v1/adapters"
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        limits = httpx2.Timeout(_ADOPT_S, connect=_CONNECT_S)
        # A proxy would look for 127.0.0.1 on its own machine.
        outside = httpx2.URL(root).host not in _LOOPBACK
        with httpx2.Client(headers=headers, timeout=limits, trust_env=outside) as client:
            if version is None:
                return client.delete(f"{address}/{name}")
            return client.post(address, json={"name": name, "path": f"{name}/{version}"})


def _reason(answer: httpx2.Response) -> str:
    """The message of an error in the form of OpenAI's API, else the status code."""
    try:
        body = cast("object", answer.json())
    except ValueError:
        body = None
    match body:
        case {"error": {"message": str(message)}}:
            return " ".join(message.split())
        case _:
            return f"it says {answer.status_code}"
