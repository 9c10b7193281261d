"""The variants that a worker serves, and the request to serve another adapter."""

from typing import Annotated, Literal

from pydantic import Field

from model.protocol.shape import SentByWorker, SentToWorker


class CardExtension(SentByWorker):
    """What a model card says in its field `fungpt`. The base has no hash."""

    model_id: str
    adapter_hash: str | None
    max_context: int


class ModelCard(SentByWorker):
    """One variant that is served. `root` is the base model's id."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = ""
    root: str | None = None
    parent: str | None = None
    fungpt: CardExtension | None = None

    @property
    def adapter_hash(self) -> str | None:
        """The adapter's hash; None for the base, and where another kind of server hides it."""
        return None if self.fungpt is None else self.fungpt.adapter_hash


class ModelList(SentByWorker):
    """Body of GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class AdapterRequest(SentToWorker):
    """Body of POST /v1/adapters."""

    name: Annotated[str, Field(description="a string, the variant's name")]
    path: Annotated[
        str, Field(description="a string, the adapter's folder in the registry: NAME/VERSION")
    ]
