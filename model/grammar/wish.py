"""What an answer must be, as the server asks for it."""

from collections.abc import Callable
from dataclasses import dataclass

from model.engine.api import TokenConstraint

Schema = dict[str, object]


@dataclass(frozen=True, slots=True)
class GrammarWish:
    """The JSON that an answer must be: a schema, and the request's field that it stands in.

    With `fixed` there is one way to put blanks: one behind each comma and colon, as Python does.
    """

    param: str
    schema: Schema
    fixed: bool = False


# The constraints of so many rows that all have one wish. Any thread may call it. Raises
# BadParameter that names the field, for a schema that is not supported, is too large, or that
# nothing satisfies, and for every one where the model's tokens cannot be known.
Constrain = Callable[[GrammarWish, int], list[TokenConstraint]]
