"""Whether a tokenizer's ids are rows of its model's embedding."""

from transformers import PreTrainedTokenizerBase

from model.errors import ConfigError
from model.text.prompt import control_tokens


def check_vocabulary(base_id: str, tokenizer: PreTrainedTokenizerBase, rows: int) -> None:
    """Refuse a tokenizer that makes ordinary text into ids that the model does not have.

    `rows` are those of the embedding. Added control tokens without a row (a padding token, for
    example) do no harm: nothing that a person types becomes one. Raises ConfigError, one line.
    """
    ids = tokenizer.get_vocab().values()
    without = {id_ for id_ in ids if id_ >= rows} - control_tokens(tokenizer).keys()
    if without:
        raise ConfigError(
            f"{base_id}: the tokenizer knows ids up to {max(without)}, the model has rows for "
            f"{rows} (to {rows - 1}): they do not belong together; take the model's own tokenizer"
        )
