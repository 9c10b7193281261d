"""From a checked request to a row for the engine: encoded, within the context, with its seed."""

import json
import secrets
from collections.abc import Sequence
from functools import partial

from model.engine.api import TokenConstraint, TokenRequest
from model.errors import BadParameter, ContextLengthExceeded
from model.loaded import LoadedModel
from model.protocol.chat_answer import Extension
from model.protocol.chat_request import ChatRequest
from model.sampling import MAX_SEED
from model.server.encoding import ShortFirst
from model.server.forms import AnswerForm, told
from model.server.generation import Generation

# No tokenizer puts more characters of ordinary text into one token, on the whole; the longest
# tokens are runs of 64 to 128 blanks.
MAX_CHARACTERS_PER_TOKEN = 64
_SEEDS = 2**31
_GRAMMAR_COST = 16


async def encode_prompt(
    model: LoadedModel, request: ChatRequest, beside: ShortFirst, form: AnswerForm | None = None
) -> tuple[int, ...]:
    """The ids of the prompt, with what a form says to the model, encoded in another thread.

    Raises ContextLengthExceeded without encoding where the characters alone are too many, and
    BadParameter when the chat template refuses the turns.
    """
    turns, limit = told(request.turns, form), model.engine.max_context
    characters = sum(len(turn.content) for turn in turns)
    if characters > limit * MAX_CHARACTERS_PER_TOKEN:
        raise ContextLengthExceeded(limit, characters, "characters")
    encode = partial(model.codec.encode_chat, turns, goes_on=request.continue_final_message)
    return tuple(await beside.run(characters, encode))


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
    request: ChatRequest,
    prompt: tuple[int, ...],
    default_max_tokens: int,
    constraints: Sequence[TokenConstraint] | None = None,
) -> list[Generation]:
    """The `n` answers-to-be of a request whose prompt is encoded, with a constraint each or none.

    The first has the request's seed, each other one the next seed.

    Where the request has no limit, the answer may have `default_max_tokens`, or what room is left.
    Raises ContextLengthExceeded when prompt and answer do not fit, and BadParameter for a bias of
    an id that there is not.
    """
    wanted, limit = request.limit or 1, model.engine.max_context
    room = limit - len(prompt)
    if wanted > room:
        raise ContextLengthExceeded(limit, len(prompt) + wanted)
    seed = secrets.randbelow(_SEEDS) if request.seed is None else request.seed
    last = model.codec.vocabulary - 1
    if unknown := [id_ for id_ in request.logit_bias or () if int(id_) > last]:
        raise BadParameter("logit_bias", f"logit_bias names {unknown[0]}; the last id is {last}")
    most = request.limit or min(room, default_max_tokens)
    name = f"chatcmpl-{secrets.token_hex(12)}"
    made: list[Generation] = []
    for index in range(request.n):
        own = (seed + index) % MAX_SEED
        row = TokenRequest(
            name if index == 0 else f"{name}-{index}",
            prompt,
            request.model,
            request.sampling(most, own),
            None if constraints is None else constraints[index],
        )
        # The adapter may change until the engine accepts the row: it says then which one answers.
        extension = Extension(model_id=model.model_id, adapter_hash=None, seed=own)
        goes_on = request.continue_final_message
        calls = request.tool_choice is not None
        made.append(
            Generation(row, model.codec, request.stops, extension, goes_on=goes_on, calls=calls)
        )
    return made
