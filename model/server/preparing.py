"""From a checked request to a row for the engine: encoded, within the context, with its seed."""

import secrets
from functools import partial

from model.engine.api import TokenRequest
from model.errors import BadParameter, ContextLengthExceeded
from model.loaded import LoadedModel
from model.protocol.chat_answer import Extension
from model.protocol.chat_request import ChatRequest
from model.sampling import MAX_SEED
from model.server.encoding import ShortFirst
from model.server.generation import Generation

# No tokenizer puts more characters of ordinary text into one token, on the whole; the longest
# tokens are runs of 64 to 128 blanks.
MAX_CHARACTERS_PER_TOKEN = 64
_SEEDS = 2**31


async def encode_prompt(
    model: LoadedModel, request: ChatRequest, beside: ShortFirst
) -> tuple[int, ...]:
    """The ids of the prompt, encoded in another thread.

    Raises ContextLengthExceeded without encoding where the characters alone are too many, and
    BadParameter when the chat template refuses the turns.
    """
    turns, limit = request.turns, model.engine.max_context
    characters = sum(len(turn.content) for turn in turns)
    if characters > limit * MAX_CHARACTERS_PER_TOKEN:
        raise ContextLengthExceeded(limit, characters, "characters")
    encode = partial(model.codec.encode_chat, turns, goes_on=request.continue_final_message)
    return tuple(await beside.run(characters, encode))


def prepare(
    model: LoadedModel, request: ChatRequest, prompt: tuple[int, ...], default_max_tokens: int
) -> list[Generation]:
    """The `n` answers-to-be of a request whose prompt is encoded.

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
        )
        # The adapter may change until the engine accepts the row: it says then which one answers.
        extension = Extension(model_id=model.model_id, adapter_hash=None, seed=own)
        goes_on = request.continue_final_message
        made.append(Generation(row, model.codec, request.stops, extension, goes_on=goes_on))
    return made
