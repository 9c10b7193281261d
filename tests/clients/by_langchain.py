"""LangChain's client for OpenAI's protocol."""

from collections.abc import Iterator
from typing import Any

import openai
from langchain_core.messages import convert_to_messages
from langchain_openai import ChatOpenAI

from tests.clients.answers import LIMIT_S, Outcome, Place, Turns


class LangChainClient:
    """`ChatOpenAI` with a base_url."""

    name = "langchain"
    able = frozenset({"n", "reasons", "stream_usage", "timeout"})

    def models(self, where: Place) -> list[str]:
        # LangChain lists none itself: people reach for the client beneath it.
        client = self.connect(where, "base").root_client
        assert isinstance(client, openai.OpenAI)
        return [model.id for model in client.models.list()]

    def ask(
        self,
        where: Place,
        turns: Turns,
        model: str = "base",
        timeout: float = LIMIT_S,
        **fields: Any,
    ) -> Outcome:
        result = self.connect(where, model, timeout=timeout, **fields).generate(
            [convert_to_messages(turns)]
        )
        used = (result.llm_output or {})["token_usage"]
        chats = result.generations[0]
        return Outcome(
            [chat.text for chat in chats],
            [(chat.generation_info or {}).get("finish_reason") for chat in chats],
            used["prompt_tokens"],
            used["completion_tokens"],
        )

    def stream(
        self, where: Place, turns: Turns, model: str = "base", **fields: Any
    ) -> Iterator[Outcome]:
        chunks = self.connect(where, model, stream_usage=True, **fields).stream(turns)
        try:
            for chunk in chunks:
                used = chunk.usage_metadata or {}
                yield Outcome(
                    [chunk.text],
                    [chunk.response_metadata.get("finish_reason")],
                    used.get("input_tokens"),
                    used.get("output_tokens"),
                )
        finally:
            chunks.close()

    @staticmethod
    def connect(where: Place, model: str, timeout: float = LIMIT_S, **fields: Any) -> ChatOpenAI:
        return ChatOpenAI(
            model=model, base_url=where.base, api_key=where.key, timeout=timeout, max_retries=0,
            **fields,
        )  # fmt: skip
