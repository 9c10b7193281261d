"""One request's answer while it is made: tokens go in, text and one end come out."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from model.engine.api import FinishReason, TokenOutput, TokenRequest
from model.errors import EngineFailed, NotReady, RequestError
from model.protocol import Extension, Usage
from model.server.stopping import StopScanner
from model.text.codec import Codec


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The answer's regular end."""

    reason: Literal["stop", "length"]
    usage: Usage


class Generation:
    """Filled on the event loop as steps come in, read at the reader's pace.

    Text that is not read yet is kept joined: at most `max_tokens` tokens of it, so a slow reader
    costs nothing but its own text. Ends exactly once, with AnswerEnd or an error; what comes in
    after that is dropped.
    """

    def __init__(
        self,
        request: TokenRequest,
        codec: Codec,
        stops: tuple[str, ...],
        extension: Extension,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = request
        self.extension = extension
        self._acceptance: asyncio.Future[RequestError | None]
        self._acceptance = asyncio.get_running_loop().create_future()
        self.first_token_s: float | None = None
        self.duration_s: float | None = None
        self.outcome = ""
        self.completion_tokens = 0
        self._detokenizer = codec.new_detokenizer()
        self._scanner = StopScanner(stops)
        self._clock = clock
        self._began = clock()
        self._text: list[str] = []
        self._end: AnswerEnd | RequestError | None = None
        self._news = asyncio.Event()

    @property
    def id(self) -> str:
        """The request's id."""
        return self.request.id

    @property
    def ended(self) -> bool:
        """Whether the end is decided, read or not."""
        return self._end is not None

    @property
    def was_accepted(self) -> bool:
        """Whether the engine took the row."""
        told = self._acceptance
        return told.done() and not told.cancelled() and told.result() is None

    def accept(self, adapter_hash: str | None) -> None:
        """The engine took the row, and this adapter answers it."""
        self.extension = self.extension.model_copy(update={"adapter_hash": adapter_hash})
        if not self._acceptance.done():
            self._acceptance.set_result(None)

    async def accepted(self) -> None:
        """Wait until the engine took the row; raises what it is refused with."""
        if (error := await self._acceptance) is not None:
            raise error

    def feed(self, output: TokenOutput) -> None:
        """Take one step's output."""
        if self.ended:
            return
        if output.token_id is not None:
            self._take(output.token_id)
        if self._scanner.stopped:
            self._finish("stop")
        elif output.finish_reason is not None:
            self._close(output.finish_reason, output.error)

    def fail(self, error: RequestError) -> None:
        """End with an error, unless it has ended."""
        if self.ended:
            return
        self._settle(error, error.code)
        if not self._acceptance.done():
            self._acceptance.set_result(error)

    def abandon(self) -> bool:
        """Nobody reads any more; whether that ended it."""
        if self.ended:
            return False
        self._settle(RequestError("the reader is gone"), "aborted")
        return True

    async def read(self) -> TextDelta | AnswerEnd:
        """The next news: all text since the last read, then the end; raises the error it ends with.

        Safe to cancel: nothing is lost.
        """
        while True:
            if self._text:
                text = "".join(self._text)
                self._text.clear()
                return TextDelta(text)
            match self._end:
                case AnswerEnd() as end:
                    return end
                case RequestError() as error:
                    raise error
                case None:
                    self._news.clear()
                    await self._news.wait()

    def _take(self, token_id: int) -> None:
        if self.first_token_s is None:
            self.first_token_s = self._clock() - self._began
        self.completion_tokens += 1
        self._show(self._scanner.push(self._detokenizer.add(token_id)))

    def _close(self, reason: FinishReason, error: str | None) -> None:
        match reason:
            case FinishReason.STOP | FinishReason.LENGTH:
                self._show(self._scanner.push(self._detokenizer.flush()))
                if self._scanner.stopped:
                    self._finish("stop")
                    return
                self._show(self._scanner.flush())
                self._finish("stop" if reason is FinishReason.STOP else "length")
            case FinishReason.ABORT:
                self.fail(NotReady("draining"))
            case FinishReason.ERROR:
                self.fail(EngineFailed(error or "the engine gave this answer up"))

    def _finish(self, reason: Literal["stop", "length"]) -> None:
        prompt = len(self.request.input_ids)
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=self.completion_tokens,
            total_tokens=prompt + self.completion_tokens,
        )
        self._settle(AnswerEnd(reason, usage), reason)

    def _settle(self, end: AnswerEnd | RequestError, outcome: str) -> None:
        self._end = end
        self.outcome = outcome
        self.duration_s = self._clock() - self._began
        self._news.set()

    def _show(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._news.set()
