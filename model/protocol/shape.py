"""What all JSON of the protocol has in common: what is taken, left out and refused."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class SentToWorker(BaseModel):
    """Sent to the worker: unknown fields are refused, and types are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SentByWorker(BaseModel):
    """Sent by the worker and read by the client, which ignores fields of other servers."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Sparse(SentByWorker):
    """Leaves the fields named in `optional` out of the JSON where they are None, as OpenAI does."""

    optional: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = handler(self)
        return {
            name: value
            for name, value in fields.items()
            if value is not None or name not in self.optional
        }
