"""Telling a running worker at once which adapter answers; whoever is not told looks by itself."""

from dataclasses import dataclass, field
from typing import cast

import httpx2

from model.loading.registry import POLL_S

DEFAULT_URL = "http://127.0.0.1:8000"
_CONNECT_S = 2.0
_ADOPT_S = 90.0  # it reads the adapter meanwhile
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LOOKS = (
    f"a worker that runs over the same files takes it within {POLL_S:g} s, others at their start"
)


@dataclass(frozen=True, slots=True)
class WorkerAddress:
    """Where a worker may run, with the key for it; without either nobody is asked."""

    url: str | None = None
    key: str | None = field(default=None, repr=False)

    def tell(self, name: str, version: str | None) -> str:
        """Have the worker serve a version as `name` (None: its settings' own); what came of it.

        Never raises: the registry is written already, and a worker looks into it by itself.
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
        # A proxy for the outside does not know what 127.0.0.1 means here.
        outside = httpx2.URL(root).host not in _LOOPBACK
        with httpx2.Client(headers=headers, timeout=limits, trust_env=outside) as client:
            if version is None:
                return client.delete(f"{address}/{name}")
            return client.post(address, json={"name": name, "path": f"{name}/{version}"})


def _reason(answer: httpx2.Response) -> str:
    """The error's message in OpenAI's shape, or the status where a server has another."""
    try:
        body = cast("object", answer.json())
    except ValueError:
        body = None
    match body:
        case {"error": {"message": str(message)}}:
            return " ".join(message.split())
        case _:
            return f"it says {answer.status_code}"
