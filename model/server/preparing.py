"""From a checked request to rows for the engine: encoded, within the context, with their seeds."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from model.engine.api import TokenConstraint, TokenRequest
from model.errors import BadParameter, ContextLengthExceeded
from model.loaded import LoadedModel
from model.protocol.chat_answer import Extension
from model.protocol.chat_request import AnswerRequest, ChatRequest
from model.protocol.completion_request import CompletionRequest
from model.sampling import MAX_SEED
from model.server.answer.forms import AnswerForm, told
from model.server.answer.generation import Generation
from model.server.encoding import ShortFirst
from model.text.codec import Codec

# No tokenizer puts more characters of ordinary text into one token, on the whole; the longest
# tokens are runs of 64 to 128 blanks.
MAX_CHARACTERS_PER_TOKEN = 64
# Of a completion where the request does not say: OpenAI's, which clients of this address expect.
COMPLETION_MAX_TOKENS = 16
_SEEDS = 2**31
_GRAMMAR_COST = 16


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt's ids, and the text that its answers repeat before their own."""

    ids: tuple[int, ...]
    echo: str = ""


async def encode_prompts(
    model: LoadedModel, request: AnswerRequest, beside: ShortFirst, form: AnswerForm | None = None
) -> list[EncodedPrompt]:
    """The prompts of a request, with what a form says to the model, encoded in another thread.

    Raises ContextLengthExceeded without encoding where the characters alone are too many, and
    BadParameter when the chat template refuses the turns or a prompt has an id that there is not.
    """
    if isinstance(request, ChatRequest):
        return [await _encode_chat(model, request, beside, form)]
    if isinstance(request, CompletionRequest):
        return [await _encode_text(model, one, request, beside) for one in request.prompts]
    raise TypeError(f"no prompt in a {type(request).__name__}")


async def _encode_chat(
    model: LoadedModel, request: ChatRequest, beside: ShortFirst, form: AnswerForm | None
) -> EncodedPrompt:
    turns = told(request.turns, form)
    characters = sum(len(turn.content) for turn in turns)
    encode = partial(model.codec.encode_chat, turns, goes_on=request.continue_final_message)
    return EncodedPrompt(await _encode(model, characters, encode, beside, "messages"))


async def _encode_text(
    model: LoadedModel,
    prompt: str | tuple[int, ...],
    request: CompletionRequest,
    beside: ShortFirst,
) -> EncodedPrompt:
    if isinstance(prompt, str):
        encode = partial(model.codec.encode_text, prompt)
        ids = await _encode(model, len(prompt), encode, beside, "prompt")
        return EncodedPrompt(ids, prompt if request.echo else "")
    last = model.codec.prompt_ids - 1
    if (unknown := max(prompt)) > last:
        raise BadParameter("prompt", f"prompt holds the id {unknown}; the last id is {last}")
    if len(prompt) >= model.engine.max_context or not request.echo:
        return EncodedPrompt(prompt)
    return EncodedPrompt(
        prompt, await beside.run(len(prompt), partial(_decode, model.codec, prompt))
    )


async def _encode(
    model: LoadedModel,
    characters: int,
    encode: Callable[[], list[int]],
    beside: ShortFirst,
    param: str,
) -> tuple[int, ...]:
    limit = model.engine.max_context
    if characters > limit * MAX_CHARACTERS_PER_TOKEN:
        raise ContextLengthExceeded(limit, characters, "characters", param)
    return tuple(await beside.run(characters, encode))


def _decode(codec: Codec, ids: tuple[int, ...]) -> str:
    detokenizer = codec.new_detokenizer()
    return "".join(map(detokenizer.add, ids)) + detokenizer.flush()


async def constrain(
    model: LoadedModel, form: AnswerForm | None, rows: int, beside: ShortFirst
) -> list[TokenConstraint] | None:
    """A constraint for each row of an answer in a form, made in another thread.

    Raises BadParameter for a form that is not supported.
    """
    if form is None:
        return None
    wish, make = form.wish, model.constrain
    if make is None:
        raise BadParameter(wish.param, f"{wish.param} is not supported with this model")
    # A grammar costs more than a prompt of its size.
    size = len(json.dumps(wish.schema)) * _GRAMMAR_COST
    return await beside.run(size, lambda: make(wish, rows))


def prepare(
    model: LoadedModel,
    request: AnswerRequest,
    prompts: list[EncodedPrompt],
    default_max_tokens: int,
    constraints: Sequence[TokenConstraint] | None = None,
) -> list[Generation]:
    """The answers-to-be of a request whose prompts are encoded: `n` for each prompt in turn.

    Each has a constraint of its own, or none has. The first of each prompt has the request's seed,
    each other one the next seed.

    Where the request has no limit, a chat answer may have `default_max_tokens` and a completion
    COMPLETION_MAX_TOKENS, or what room is left. Raises ContextLengthExceeded when prompt and answer
    do not fit, and BadParameter for an empty prompt or a bias of an id that there is not.
    """
    last = model.codec.vocabulary - 1
    if unknown := [id_ for id_ in request.logit_bias or () if int(id_) > last]:
        raise BadParameter("logit_bias", f"logit_bias names {unknown[0]}; the last id is {last}")
    is_chat = isinstance(request, ChatRequest)
    usual = default_max_tokens if is_chat else COMPLETION_MAX_TOKENS
    limits = [_limit(model, request, prompt.ids, usual) for prompt in prompts]
    name = f"{'chatcmpl' if is_chat else 'cmpl'}-{secrets.token_hex(12)}"
    seed = secrets.randbelow(_SEEDS) if request.seed is None else request.seed
    made: list[Generation] = []
    for prompt, most in zip(prompts, limits, strict=True):
        for index in range(request.n):
            own = (seed + index) % MAX_SEED
            row = TokenRequest(
                f"{name}-{len(made)}" if made else name,
                prompt.ids,
                request.model,
                request.sampling(most, own),
                None if constraints is None else constraints[len(made)],
            )
            made.append(_generation(model, request, row, own, prompt.echo))
    return made


def _limit(model: LoadedModel, request: AnswerRequest, ids: tuple[int, ...], usual: int) -> int:
    param = "messages" if isinstance(request, ChatRequest) else "prompt"
    if not ids:
        raise BadParameter(param, "the prompt is empty")
    wanted, limit = request.limit or 1, model.engine.max_context
    room = limit - len(ids)
    if wanted > room:
        raise ContextLengthExceeded(limit, len(ids) + wanted, param=param)
    return request.limit or min(room, usual)


def _generation(
    model: LoadedModel, request: AnswerRequest, row: TokenRequest, seed: int, echo: str
) -> Generation:
    # The adapter may change until the engine accepts the row: it says then which one answers.
    extension = Extension(model_id=model.model_id, adapter_hash=None, seed=seed)
    goes_on = not isinstance(request, ChatRequest) or request.continue_final_message
    calls = isinstance(request, ChatRequest) and request.tool_choice is not None
    return Generation(
        row, model.codec, request.stops, extension, goes_on=goes_on, echo=echo, calls=calls
    )
