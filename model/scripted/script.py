"""The script of the scripted worker, JSON in FUNGPT_SCRIPT: what it says, and its faults."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import ConfigError

Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Script(BaseModel):
    """Answers, pace, limits and faults of the scripted worker.

    In `replies`, by variant, `{prompt}` stands for the last user turn, `{variant}`, `{seed}` and
    `{turns}` for the row's variant, seed and number of turns; a variant without a reply of its own
    takes `reply`. One token is one byte and one step, and a step lasts `step_seconds`.

    Loading lasts `load_seconds`, and until there is a file `load_until`; it fails with the line
    `fail_load`, or never ends (`hang_load`).
    Limits that are not given are the settings'.

    A fault happens after so many tokens of all rows since the start: `crash` ends the process at
    once, `hang` never returns from the step, `raise` raises in the step, `error` ends one row. A
    fault happens once in a process. With `fault_marker`, a file that outlives the process, it
    happens `fault_times` times in all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    variants: Annotated[tuple[str, ...], Field(min_length=1)] = ("base", "tuned")
    replies: dict[str, str] = Field(default_factory=dict)
    reply: str = "{variant}: {prompt}"
    step_seconds: Seconds = 0.0
    load_seconds: Seconds = 0.0
    load_until: Path | None = None
    fail_load: str | None = None
    hang_load: bool = False
    max_running: Positive | None = None
    max_waiting: Annotated[int, Field(ge=0)] | None = None
    max_context: Positive | None = None
    crash_after_tokens: Positive | None = None
    hang_after_tokens: Positive | None = None
    raise_after_tokens: Positive | None = None
    error_after_tokens: Positive | None = None
    fault_marker: Path | None = None
    fault_times: Positive = 1

    def answer(self, variant: str, prompt: str, seed: int, turns: int) -> str:
        """The text that answers a row."""
        text = self.replies.get(variant, self.reply)
        words = {"{variant}": variant, "{seed}": str(seed), "{turns}": str(turns)}
        for name, value in (words | {"{prompt}": prompt}).items():
            text = text.replace(name, value)
        return text


def parse_script(text: str | None) -> Script:
    """Read FUNGPT_SCRIPT; raises ConfigError, which names the first wrong field."""
    try:
        return Script.model_validate_json(text or "{}")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = ": ".join(filter(None, ("FUNGPT_SCRIPT", where, first["msg"])))
        raise ConfigError(message) from error
