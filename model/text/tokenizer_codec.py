"""Text to token ids and back with a model's own tokenizer."""

from collections.abc import Sequence
from datetime import date

from transformers import PreTrainedTokenizerBase

from model.errors import BadParameter, ConfigError
from model.text.codec import ChatTurn
from model.text.detokenize import IncrementalDetokenizer, special_tokens
from model.text.prompt import PromptRenderer
from model.text.token_bytes import TokenBytes


class TokenizerCodec:
    """Text to ids and back with the model's own tokenizer; implements `model.text.codec.Codec`.

    `today` is the date that the chat template is told, today's when None. `rows` are those of the
    model's embedding: no prompt gets an id from there on; None where the tokenizer has no more.
    Raises ConfigError, one line, when the template renders no conversation.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        today: date | None = None,
        rows: int | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._rows = rows
        self._special = special_tokens(tokenizer)
        self._silent = frozenset(self._special.values())
        self._renderer = PromptRenderer(tokenizer, today)
        self._bytes = TokenBytes(tokenizer)
        try:
            self.encode_chat([ChatTurn("user", "a")])
        except BadParameter as error:
            raise ConfigError(f"this model cannot chat: {error}") from error

    @property
    def ends(self) -> frozenset[int]:
        """The tokens with which the chat template ends an answer."""
        return self._renderer.ends

    def encode_chat(self, turns: Sequence[ChatTurn], *, goes_on: bool = False) -> list[int]:
        """The prompt's ids.

        Raises BadParameter when the chat template refuses the turns, or writes a control token
        that the model has no row for.
        """
        ids = self._renderer.encode_begun(turns) if goes_on else self._renderer.encode(turns)
        if self._rows is not None and (unknown := max(ids, default=0)) >= self._rows:
            token = self._tokenizer.convert_ids_to_tokens(unknown)
            raise BadParameter(
                "messages", f"the chat template writes {token}, which the model lacks"
            )
        return ids

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text that is no conversation, after the token that begins texts, if any."""
        return self._renderer.encode_text(text)

    @property
    def vocabulary(self) -> int:
        """How many ids the tokenizer has, its added tokens included."""
        return len(self._tokenizer)

    @property
    def prompt_ids(self) -> int:
        """How many of them the model has rows for."""
        return self.vocabulary if self._rows is None else min(self.vocabulary, self._rows)

    def token_bytes(self, token_id: int) -> bytes:
        """What a token adds to a text; special tokens as they are written."""
        return self._bytes[token_id]

    def control_id(self, text: str) -> int | None:
        """The id of the special token that is written so; None where the text is ordinary."""
        return self._special.get(text)

    def new_detokenizer(self, after: Sequence[int] = ()) -> IncrementalDetokenizer:
        """A new detokenizer, for one row; `after` are the ids of a text that it goes on with."""
        return IncrementalDetokenizer(self._tokenizer, self._silent, after)
