"""The handlers of the worker's addresses."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Literal

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel

from model.errors import AdminClosed, BodyTimeout, BrokenBody, UnknownModel, WrongMediaType
from model.protocol.cards import ModelList
from model.protocol.chat_answer import AnswerChoice, AnswerMessage, ChatAnswer, Usage
from model.protocol.chat_request import AnswerRequest
from model.protocol.completion_request import CompletionRequest
from model.server.adapter_desk import AdapterDesk
from model.server.answer.calls import CallReader, whole_calls
from model.server.answer.generation import Generation
from model.server.answer.scored_text import chat_logprobs
from model.server.completions import whole_completion
from model.server.entry.openapi import describe_api
from model.server.entry.requests import parse_adapter, parse_chat, parse_completion
from model.server.metrics import CONTENT_TYPE
from model.server.service import EngineService
from model.server.sse import EventStream, stream_answer

log = logging.getLogger(__name__)

BODY_LIMIT_S = 30.0
KEEP_ALIVE_S = 10.0
SEND_LIMIT_S = 30.0
_NOT_OK = 503


class Routes:
    """The handlers of one service. Without a `desk`, requests to change adapters are refused."""

    def __init__(self, service: EngineService, desk: AdapterDesk | None) -> None:
        self._service = service
        self._desk = desk

    def table(self) -> list[web.AbstractRouteDef]:
        """The addresses with their handlers."""
        return [
            web.post("/v1/chat/completions", self.chat),
            web.post("/v1/completions", self.complete),
            web.get("/v1/models", self.models),
            web.get("/v1/models/{name}", self.one_model),
            web.post("/v1/adapters", self.take_adapter),
            web.delete("/v1/adapters/{name}", self.give_up_adapter),
            web.get("/health", self.health),
            web.get("/metrics", self.metrics),
            web.get("/openapi.json", self.description),
        ]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions, streamed or whole."""
        return await self._answer(request, parse_chat)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/completions, streamed or whole."""
        return await self._answer(request, parse_completion)

    async def _answer(
        self, request: web.Request, parse: Callable[[bytes], AnswerRequest]
    ) -> web.StreamResponse:
        body = await _body(request)
        asked = await self._service.beside.run(len(body), partial(parse, body))
        del body
        created = int(time.time())
        async with self._service.generate_all(asked) as generations:
            if not asked.stream:
                if isinstance(asked, CompletionRequest):
                    return _json(await whole_completion(generations, created, asked.n))
                return _json(await _whole(generations, created))
            events = EventStream(request, SEND_LIMIT_S)
            try:
                await stream_answer(events, asked, generations, created, KEEP_ALIVE_S)
            except ConnectionError as error:
                log.info("%s: the reader is gone: %s", generations[0].id, error)
            return events.response

    async def models(self, request: web.Request) -> web.Response:
        """GET /v1/models."""
        return _json(ModelList(data=self._service.cards()))

    async def one_model(self, request: web.Request) -> web.Response:
        """GET /v1/models/NAME."""
        name, cards = request.match_info["name"], self._service.cards()
        for card in cards:
            if card.id == name:
                return _json(card)
        raise UnknownModel(name, tuple(card.id for card in cards))

    async def take_adapter(self, request: web.Request) -> web.Response:
        """POST /v1/adapters: serve a promoted adapter; answers as GET /v1/models does."""
        desk = self._admin()
        asked = parse_adapter(await _body(request))
        await desk.take(asked.name, asked.path)
        return await self.models(request)

    async def give_up_adapter(self, request: web.Request) -> web.Response:
        """DELETE /v1/adapters/NAME: serve the settings' adapter of this name again, or none."""
        await self._admin().give_up(request.match_info["name"])
        return await self.models(request)

    def _admin(self) -> AdapterDesk:
        if self._desk is None:
            raise AdminClosed
        return self._desk

    async def health(self, request: web.Request) -> web.Response:
        """GET /health: 200 only while requests are accepted, else 503."""
        health = self._service.health()
        return _json(health, 200 if health.status == "ok" else _NOT_OK)

    async def metrics(self, request: web.Request) -> web.Response:
        """GET /metrics for Prometheus."""
        body = self._service.metrics.render(self._service.busy_s())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def description(self, request: web.Request) -> web.Response:
        """GET /openapi.json."""
        return web.json_response(describe_api())


async def _body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise WrongMediaType(request.content_type)
    try:
        async with asyncio.timeout(BODY_LIMIT_S):
            return await request.read()
    except (aiohttp.ClientPayloadError, HttpProcessingError, web.RequestPayloadError) as error:
        raise BrokenBody(request.headers.get("Content-Encoding", "message")) from error
    except TimeoutError:
        raise BodyTimeout(BODY_LIMIT_S) from None


async def _whole(generations: list[Generation], created: int) -> ChatAnswer:
    choices: list[AnswerChoice] = []
    usages: list[Usage] = []
    for index, generation in enumerate(generations):
        text, scored, end = await generation.rest()
        choice = _choice(index, generation, text, end.reason)
        if generation.request.params.logprobs is not None:
            choice = choice.model_copy(update={"logprobs": chat_logprobs(scored)})
        choices.append(choice)
        usages.append(end.usage)
    return ChatAnswer(
        id=generations[0].id,
        created=created,
        model=generations[0].request.variant,
        choices=choices,
        usage=Usage.of_answers(usages, len(usages)),
        fungpt=generations[0].extension,
    )


def _choice(
    index: int, generation: Generation, text: str, reason: Literal["stop", "length"]
) -> AnswerChoice:
    if not generation.calls:
        message = AnswerMessage(content=text)
        return AnswerChoice(index=index, message=message, finish_reason=reason)
    reader = CallReader()
    calls = whole_calls(reader.push(text))
    message = AnswerMessage(content=None, tool_calls=calls or None)
    return AnswerChoice(index=index, message=message, finish_reason=reader.reason(reason))


def _json(body: BaseModel, status: int = 200) -> web.Response:
    return web.Response(status=status, text=body.model_dump_json(), content_type="application/json")
