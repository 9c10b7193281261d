"""The sampling parameters: their names, ranges and defaults, in one place for all programs.

The protocol, the engine, the bot's settings and the evaluation take them from here. The names are
OpenAI's, and vLLM's for what OpenAI does not have.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_TOKENS = Field(ge=1, description="a whole number from 1")
MAX_SEED = 2**63
_SEED = Field(ge=0, lt=MAX_SEED, description="a whole number from 0 to 2**63 - 1")

MaxTokens = Annotated[int, _TOKENS]
MaxTokensOrNone = Annotated[int | None, _TOKENS]
Seed = Annotated[int, _SEED]
SeedOrNone = Annotated[int | None, _SEED]
Temperature = Annotated[float, Field(ge=0, le=2, description="a number from 0 to 2")]
TopP = Annotated[float, Field(gt=0, le=1, description="a number above 0 and up to 1")]
TopK = Annotated[
    int, Field(ge=0, le=1_000_000, description="a whole number from 0 (off) to 1000000")
]
MinP = Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")]
RepetitionPenalty = Annotated[float, Field(gt=0, le=2, description="a number above 0 and up to 2")]
Penalty = Annotated[float, Field(ge=-2, le=2, description="a number from -2 to 2")]
StopText = Annotated[str, Field(min_length=1, max_length=256)]
MAX_STOPS = 16
MAX_BIASES = 1024
MAX_LOGPROBS = 20
Bias = Annotated[float, Field(ge=-100, le=100)]


class TokenSampling(BaseModel):
    """How one token is chosen. The defaults are OpenAI's: they leave the distribution as it is.

    `temperature` 0 always takes the likeliest token. `top_k` 0, `top_p` 1 and `min_p` 0 switch
    that filter off; `repetition_penalty` 1 and the other penalties 0 change nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: Temperature = 1.0
    top_p: TopP = 1.0
    top_k: TopK = 0
    min_p: MinP = 0.0
    repetition_penalty: RepetitionPenalty = 1.0
    frequency_penalty: Penalty = 0.0
    presence_penalty: Penalty = 0.0


class SamplingParams(TokenSampling):
    """How one answer is sampled, and where it ends.

    `seed` None leaves the choice to the worker. `stop` texts end the answer and are no part of it;
    the engine, which knows no text, does not read them. `logit_bias` holds ids and what is added to
    their logits before anything else; the runner passes over ids that the model lacks. `logprobs`
    asks for each token's logarithm of its probability, and for those of as many of the likeliest
    tokens. A row that is `constrained` brings what says which tokens it may get
    (`TokenRequest.constraint`). Raises pydantic's ValidationError, a ValueError, for a value out of
    range.
    """

    max_tokens: MaxTokens
    seed: SeedOrNone = None
    stop: Annotated[tuple[StopText, ...], Field(max_length=MAX_STOPS)] = ()
    logit_bias: Annotated[tuple[tuple[int, Bias], ...], Field(max_length=MAX_BIASES)] = ()
    logprobs: Annotated[int | None, Field(ge=0, le=MAX_LOGPROBS)] = None
    constrained: Annotated[bool, Field(exclude=True)] = False  # no server is told

    @property
    def is_plain(self) -> bool:
        """Whether kernels that know nothing but `TokenSampling` may sample it.

        Others are sampled one by one, by `model.runner.sampler`.
        """
        return not (self.logit_bias or self.constrained) and self.logprobs is None


# How an answer in a chat is sampled where nobody chose otherwise, by the bot and in evaluations.
CHAT = SamplingParams(max_tokens=256, temperature=0.5, top_p=0.9, repetition_penalty=1.05)
