"""litellm, by its provider for servers that speak OpenAI's protocol."""

from collections.abc import Iterator
from typing import Any

import litellm

from tests.clients.answers import LIMIT_S, Outcome, Place, Turns
from tests.clients.by_openai import outcome

litellm.suppress_debug_info = True


class LiteLLMClient:
    """`litellm.completion` with the model `openai/NAME`."""

    name = "litellm"
    able = frozenset({"n", "reasons", "stream_usage", "timeout"})

    def models(self, where: Place) -> list[str]:
        return litellm.get_valid_models(
            check_provider_endpoint=True,
            custom_llm_provider="openai",
            api_base=where.url,  # it adds /v1 itself
            api_key=where.key,
        )

    def ask(
        self,
        where: Place,
        turns: Turns,
        model: str = "base",
        timeout: float = LIMIT_S,
        **fields: Any,
    ) -> Outcome:
        return outcome(self._call(where, turns, model, timeout=timeout, **fields))

    def stream(
        self, where: Place, turns: Turns, model: str = "base", **fields: Any
    ) -> Iterator[Outcome]:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = self._call(where, turns, model, **options, **fields)
        try:
            yield from map(outcome, chunks)
        finally:
            if chunks.completion_stream is not None:  # its wrapper cannot end a stream early
                chunks.completion_stream.close()

    @staticmethod
    def _call(where: Place, turns: Turns, model: str, **fields: Any) -> Any:
        return litellm.completion(
            model=f"openai/{model}",
            api_base=where.base,
            api_key=where.key,
            messages=turns,
            max_retries=0,
            **fields,
        )
