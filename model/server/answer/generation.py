"""One request's answer while it is generated: tokens go in, text and one end come out."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from model.engine.api import FinishReason, TokenOutput, TokenRequest, TokenScores
from model.errors import EngineFailed, NotReady, RequestError
from model.protocol.chat_answer import Extension, Usage
from model.server.answer.scored_text import ScoredPiece, ScoredText
from model.server.answer.stopping import StopScanner
from model.text.codec import Codec


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of the answer, and the tokens that it comes of where they are asked for.

    The text is empty only where tokens are left that have none.
    """

    text: str
    scored: tuple[ScoredPiece, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The end of a complete answer: why it ended, and its token counts."""

    reason: Literal["stop", "length"]
    usage: Usage


class Generation:
    """An answer that the service fills after each step and that one reader reads at its own pace.

    Text waits here until it is read, at most `max_tokens` tokens of it, so a slow reader delays
    nobody. The answer ends exactly once, with an AnswerEnd or an error; output after that is
    ignored. Times are in seconds from the moment the object was made. With `goes_on` the text goes
    on with that of the prompt's end. `echo` is for whoever writes the answer to put before it. With
    `calls` the text is calls of functions, as `model.server.answer.forms` has a grammar write them.
    """

    def __init__(
        self,
        request: TokenRequest,
        codec: Codec,
        stops: tuple[str, ...],
        extension: Extension,
        clock: Callable[[], float] = time.monotonic,
        *,
        goes_on: bool = False,
        echo: str = "",
        calls: bool = False,
    ) -> None:
        self.request = request
        self.calls = calls
        self.extension = extension
        self.echo = echo
        self._acceptance: asyncio.Future[RequestError | None]
        self._acceptance = asyncio.get_running_loop().create_future()
        self.first_token_s: float | None = None
        self.duration_s: float | None = None
        self.outcome = ""
        self.completion_tokens = 0
        self.cached_tokens = 0
        self._detokenizer = codec.new_detokenizer(request.input_ids if goes_on else ())
        self._scanner = StopScanner(stops)
        # The text of a control token is never shown, so a stop that is one is known by its id.
        self._stop_ids = {id_ for stop in stops if (id_ := codec.control_id(stop)) is not None}
        self._clock = clock
        self._began = clock()
        self._text: list[str] = []
        self._scored = ScoredText(codec.token_bytes)
        self._end: AnswerEnd | RequestError | None = None
        self._news = asyncio.Event()

    @property
    def id(self) -> str:
        """The id of the request and of its row."""
        return self.request.id

    @property
    def ended(self) -> bool:
        """Whether the end is known, even if it was not read yet."""
        return self._end is not None

    @property
    def was_accepted(self) -> bool:
        """Whether the engine accepted the row."""
        told = self._acceptance
        return told.done() and not told.cancelled() and told.result() is None

    def accept(self, adapter_hash: str | None) -> None:
        """Note that the engine accepted the row, and the hash of the adapter that answers it."""
        self.extension = self.extension.model_copy(update={"adapter_hash": adapter_hash})
        if not self._acceptance.done():
            self._acceptance.set_result(None)

    async def accepted(self) -> None:
        """Wait until the engine accepts the row; raises the RequestError of a refusal."""
        if (error := await self._acceptance) is not None:
            raise error

    def feed(self, output: TokenOutput) -> None:
        """Add the row's output of one step."""
        if self.ended:
            return
        self.cached_tokens = output.cached_tokens
        if output.token_id in self._stop_ids:
            self._close(FinishReason.STOP, None)
            return
        if output.token_id is not None:
            self._take(output.token_id, output.scores)
        if self._scanner.stopped:
            self._finish("stop")
        elif output.finish_reason is not None:
            self._close(output.finish_reason, output.error)

    def fail(self, error: RequestError) -> None:
        """End with an error; ignored when the answer has ended."""
        if self.ended:
            return
        self._settle(error, error.code)
        if not self._acceptance.done():
            self._acceptance.set_result(error)

    def abandon(self) -> bool:
        """End because the reader has left; returns False when the answer had ended before."""
        if self.ended:
            return False
        self._settle(RequestError("the reader is gone"), "aborted")
        return True

    async def read(self) -> TextDelta | AnswerEnd:
        """Wait for text or the end: all text since the last read, and after all text the end.

        Raises the RequestError of an answer that ends with an error. Cancelling loses no text.
        """
        while True:
            if self._text or self._scored.is_ready:
                text = "".join(self._text)
                self._text.clear()
                return TextDelta(text, self._scored.take())
            match self._end:
                case AnswerEnd() as end:
                    return end
                case RequestError() as error:
                    raise error
                case None:
                    self._news.clear()
                    await self._news.wait()

    async def rest(self) -> tuple[str, list[ScoredPiece], AnswerEnd]:
        """Wait for the end: all text and tokens until then, and the end. Raises as `read` does."""
        text, scored = "", list[ScoredPiece]()
        while isinstance(news := await self.read(), TextDelta):
            text += news.text
            scored += news.scored
        return text, scored, news

    def _take(self, token_id: int, scores: TokenScores | None) -> None:
        if self.first_token_s is None:
            self.first_token_s = self._clock() - self._began
        self.completion_tokens += 1
        text = self._detokenizer.add(token_id)
        if scores is not None:
            self._scored.add(token_id, scores, text)
        self._show(self._scanner.push(text))

    def _close(self, reason: FinishReason, error: str | None) -> None:
        match reason:
            case FinishReason.STOP | FinishReason.LENGTH:
                self._show(self._scanner.push(self._detokenizer.flush()))
                if self._scanner.stopped:
                    self._finish("stop")
                    return
                self._show(self._scanner.flush())
                self._scored.end()
                self._finish("stop" if reason is FinishReason.STOP else "length")
            case FinishReason.ABORT:
                self.fail(NotReady("draining"))
            case FinishReason.ERROR:
                self.fail(EngineFailed(error or "the engine gave this answer up"))

    def _finish(self, reason: Literal["stop", "length"]) -> None:
        prompt = len(self.request.input_ids)
        usage = Usage.of_tokens(prompt, self.completion_tokens, self.cached_tokens)
        self._settle(AnswerEnd(reason, usage), reason)

    def _settle(self, end: AnswerEnd | RequestError, outcome: str) -> None:
        self._end = end
        self.outcome = outcome
        self.duration_s = self._clock() - self._began
        self._news.set()

    def _show(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._scored.show(len(text))
            self._news.set()
