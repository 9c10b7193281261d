"""Which variants a server has, by what it lists, and how each of them is asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import cast

from pydantic import ValidationError

from model.client_errors import as_list, as_mapping, as_text
from model.protocol.cards import ModelCard


class ServerKind(StrEnum):
    """The servers whose own names for things the client knows; the value is their `owned_by`."""

    FUNGPT = "fungpt"
    LLAMA_CPP = "llamacpp"
    VLLM = "vllm"
    OTHER = ""


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """One of llama.cpp's adapters: they are switched on and off with each request.

    `scale` is how strongly it counts where it is asked for.
    """

    number: int
    name: str
    scale: float


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves, as it lists it, the base first."""

    kind: ServerKind
    cards: tuple[ModelCard, ...]
    adapters: tuple[LoadedAdapter, ...] = ()


NOTHING_KNOWN = Served(ServerKind.OTHER, ())


def read_cards(answer: object) -> tuple[ModelCard, ...]:
    """The model cards in a body of `GET /v1/models`, the first model that is no adapter first.

    Some servers send the list alone, or null where they have no model. Raises ValueError where it
    is no list of models.
    """
    fields = as_mapping(answer)
    if fields.get("object") == "list" and fields.get("data", ()) is None:
        return ()
    listed = fields.get("data") if fields else answer
    if not isinstance(listed, list):
        raise ValueError("no list of models")  # noqa: TRY004 - it is about the server's answer
    cards = [_card(card) for card in cast("list[object]", listed)]
    return tuple(sorted(cards, key=lambda card: card.parent is not None))


def kind_of(cards: Iterable[ModelCard]) -> ServerKind:
    """The kind of the server that lists these cards."""
    owners = {card.owned_by for card in cards}
    return next((kind for kind in ServerKind if kind in owners), ServerKind.OTHER)


def read_adapters(answer: object) -> tuple[LoadedAdapter, ...]:
    """The adapters in a body of llama.cpp's `GET /lora-adapters`, named as their files are."""
    found: list[LoadedAdapter] = []
    for entry in map(as_mapping, as_list(answer)):
        number, scale = entry.get("id"), entry.get("scale")
        if isinstance(number, int):
            name = PurePath(as_text(entry.get("path")) or f"adapter-{number}").stem
            strength = float(scale) if isinstance(scale, int | float) and scale else 1.0
            found.append(LoadedAdapter(number, name, strength))
    return tuple(found)


def with_adapters(served: Served, adapters: Sequence[LoadedAdapter]) -> Served:
    """A llama.cpp server with its adapters as variants beside its model."""
    base = served.cards[0].id
    cards = [ModelCard(id=one.name, owned_by=served.kind, parent=base) for one in adapters]
    return Served(served.kind, (*served.cards, *cards), tuple(adapters))


@dataclass(frozen=True, slots=True)
class ModelNames:
    """The operator's names of variants (`WORKER_MODELS`), each with the server's own name of it.

    Without any, the variants are called as the server lists them.
    """

    theirs: Mapping[str, str] = field(default_factory=dict[str, str])

    def cards(self, served: Served) -> list[ModelCard]:
        """The variants' cards, in the operator's order; also of names that are not listed."""
        if not self.theirs:
            return list(served.cards)
        listed = {card.id: card for card in served.cards}
        return [
            listed.get(theirs, ModelCard(id=theirs)).model_copy(update={"id": ours, "root": theirs})
            for ours, theirs in self.theirs.items()
        ]

    def call(self, variant: str, served: Served) -> dict[str, object]:
        """The fields of a request that choose the variant."""
        name = self.theirs.get(variant, variant)
        if not served.adapters:
            return {"model": name}
        # What is not named counts with the scale that the server was started with.
        lora = [
            {"id": one.number, "scale": one.scale if one.name == name else 0.0}
            for one in served.adapters
        ]
        return {"model": served.cards[0].id, "lora": lora}


def _card(card: object) -> ModelCard:
    """A card as servers send it: only the name counts, what is odd in the rest is left out."""
    try:
        return ModelCard.model_validate(card)
    except ValidationError:
        fields = as_mapping(card)
        name = as_text(fields.get("id"))
        if name is None:
            raise ValueError("a model without a name") from None
        return ModelCard(id=name, owned_by=as_text(fields.get("owned_by")) or "")
