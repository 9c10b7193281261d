"""How likely the tokens of an answer were, in the shapes of OpenAI's chat and legacy answers.

Logarithms are natural ones. Where the bytes of a token are no whole characters, its text is those
bytes in hexadecimal, as OpenAI writes it: `\\xe6\\x97`.
"""

from model.protocol.shape import SentByWorker


class TopLogprob(SentByWorker):
    """A token that could have come at a place of the answer."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(TopLogprob):
    """A token of the answer, and the likeliest ones at its place."""

    top_logprobs: list[TopLogprob]


class ChoiceLogprobs(SentByWorker):
    """The tokens of one chat answer, or of one chunk of it."""

    content: list[TokenLogprob]
    refusal: None = None


class CompletionLogprobs(SentByWorker):
    """The tokens of one text completion, or of one chunk of it; all lists have one entry each.

    A token's text is a key of `top_logprobs`, so bytes are written as `bytes:\\xe6\\x97` there.
    `text_offset` says at which character of the completion each token begins.
    """

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]
