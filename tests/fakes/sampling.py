"""Stored sampling parameters for tests that do not care which."""

from dataclasses import replace
from typing import Any

from data.records import Sampling

_USUAL = Sampling(
    max_tokens=256,
    temperature=0.8,
    top_p=0.95,
    top_k=0,
    min_p=0.0,
    repetition_penalty=1.1,
    frequency_penalty=0.0,
    presence_penalty=0.0,
    seed=None,
    stop=(),
)


def stored_sampling(**changes: Any) -> Sampling:
    """Any parameters, with these changes."""
    return replace(_USUAL, **changes)
