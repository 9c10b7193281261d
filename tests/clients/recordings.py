"""Requests as chat programs send them, by what their source says; written by us."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMS = ("response_format", "tools", "tool_choice")
FOLDER = Path(__file__).parent / "recorded"


@dataclass(frozen=True)
class Recorded:
    """One request. Where the worker lacks what it `needs`, its field `refused` is named."""

    client: str
    what: str
    method: str
    path: str
    written: Mapping[str, str]
    body: dict[str, Any] | None = None
    needs: str | None = None
    refused: str | None = None
    keyless: bool = False

    def __str__(self) -> str:
        return f"{self.client}: {self.what}"

    def headers(self, key: str) -> dict[str, str]:
        """The headers, with this key put in."""
        return {name: value.format(key=key) for name, value in self.written.items()}

    def short(self, most: int) -> dict[str, Any] | None:
        """The body, with no more tokens asked for than `most`: what is said is no matter here."""
        if self.body is None:
            return None
        return self.body | {"max_tokens": min(most, self.body.get("max_tokens", most))}


def recordings() -> list[Recorded]:
    """All of them, one file a program."""
    found: list[Recorded] = []
    for path in sorted(FOLDER.glob("*.json")):
        read = json.loads(path.read_text(encoding="utf-8"))
        for one in read["requests"]:
            one["written"] = one.pop("headers")
            found.append(Recorded(read["client"], **one))
    return found


def offers(described: Mapping[str, Any], what: str) -> bool:
    """Whether a worker that describes itself so has a field of a chat request, or completions."""
    if what == "completions":
        return "/v1/completions" in described["paths"]
    fields = described["components"]["schemas"]["ChatRequest"]["properties"]
    return not fields[what].get("description", "").startswith("Read past")


def check(
    recorded: Recorded, described: Mapping[str, Any], status: int, text: str, *, forms: bool = True
) -> None:
    """Assert that the answer is what the program can use.

    Without `forms`, the model has no tokens of which answers by a grammar could be made.
    """
    if not forms and recorded.needs in FORMS:
        assert status == 400, text
        assert "is not supported with this model" in text
        return
    if recorded.needs is not None and not offers(described, recorded.needs):
        refused = json.loads(text)["error"]
        missing = (404, None) if recorded.needs == "completions" else (400, recorded.refused)
        assert (status, refused["param"]) == missing, text
        return
    assert status == 200, text
    if recorded.body is None:
        assert [card["id"] for card in json.loads(text)["data"]] == ["base", "tuned"]
    elif recorded.body.get("stream"):
        *chunks, end = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
        assert end == "[DONE]"
        ends = [one for one in map(json.loads, chunks) if one["choices"]]
        reasons = [one["choices"][0]["finish_reason"] for one in ends]
        assert len([one for one in reasons if one]) == recorded.body.get("n", 1)
    else:
        said = json.loads(text)["choices"][0]
        assert said["message"]["role"] == "assistant"
        assert said["finish_reason"] in {"stop", "length", "tool_calls"}
