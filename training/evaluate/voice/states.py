"""What the demo model makes of a text: the hidden states of one of its layers, pooled.

A language model that has read a text holds more of its meaning than its words do, so the
classifier gets both. Only the layers that are needed are kept, in float32, so that any two
machines give the same states but for rounding.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from model.loading.base import Progress, resolve_base
from training.evaluate.voice.features import OPENING_SHARE, opening

LAYER = 18  # of 30: later ones know no more of the labels (docs/experiments.md)
WIDTH = 576
SIZE = 2 * WIDTH  # the mean state and the last one
MOST_TOKENS = 1024  # what stands behind them is not read
_TOKENS_AT_ONCE = 4096
States = NDArray[np.float32]
# Is told how many texts are read, and of how many.
OnRead = Callable[[int, int], None]


class ReadsStates(Protocol):
    """Something that turns texts into states of shape (texts, SIZE)."""

    def read(self, texts: Sequence[str], on_read: OnRead) -> States:
        """The states of each text; `on_read` is told how far it is."""
        ...


class StateReader:
    """The demo model's lower layers, on the GPU where there is one."""

    def __init__(self, folder: Path) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
        model = AutoModel.from_pretrained(folder, dtype=torch.float32)
        model.layers = model.layers[:LAYER]
        model.norm = torch.nn.Identity()  # it belongs behind the last layer
        self._model = model.eval().to(self._device)

    @classmethod
    def open(cls, home: Path, progress: Progress) -> "StateReader":
        """The reader with the demo model below `home`, fetched and converted where it is missing.

        Raises DemoModelError, one line, where it cannot be had.
        """
        return cls(resolve_base("demo", home, progress).folder)

    def read(self, texts: Sequence[str], on_read: OnRead) -> States:
        """The states of each text; texts of like length are read together."""
        rows = [self._encode(text) for text in texts]
        openings = [len(self._encode(opening(text))) for text in texts]
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        found = np.zeros((len(rows), SIZE), dtype=np.float32)
        done = 0
        while done < len(order):
            batch = order[done : done + _fitting(rows, order, done)]
            found[batch] = self._pooled([rows[at] for at in batch], [openings[at] for at in batch])
            done += len(batch)
            on_read(done, len(order))
        return found

    def _encode(self, text: str) -> list[int]:
        clean = text.encode("utf-8", "replace").decode()
        ids = self._tokenizer.encode(clean, add_special_tokens=False)[:MOST_TOKENS]
        return ids or [cast("int", self._tokenizer.eos_token_id)]

    @torch.inference_mode()
    def _pooled(self, rows: Sequence[list[int]], openings: Sequence[int]) -> States:
        """The states of one batch, padded on the right.

        A state knows nothing of what follows, so those of the opening are as if it stood alone.
        """
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        mask = (torch.arange(longest) < lengths[:, None]).to(self._device)
        first = torch.arange(longest) < torch.minimum(torch.tensor(openings), lengths)[:, None]
        states = self._model(
            input_ids=ids.to(self._device), attention_mask=mask.long(), use_cache=False
        ).last_hidden_state
        whole, begun = pool(states, mask), pool(states, first.to(self._device))
        return ((1 - OPENING_SHARE) * whole + OPENING_SHARE * begun).cpu().numpy()


def pool(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean state and the last one of each row; shapes (n, t, w), (n, t) to (n, 2 w)."""
    lengths = mask.sum(1)
    mean = (states * mask[..., None]).sum(1) / lengths[:, None]
    last = states[torch.arange(len(states), device=states.device), lengths - 1]
    return torch.cat([mean, last], dim=1)


def _fitting(rows: Sequence[list[int]], order: Sequence[int], start: int) -> int:
    """How many rows from `start` on are read at once: the last of them is the longest."""
    size = 1
    for longest in (len(rows[at]) for at in order[start + 1 :]):
        if (size + 1) * longest > _TOKENS_AT_ONCE:
            break
        size += 1
    return size
