"""Follows a grammar as a sampler does, and says which texts it takes or makes."""

import random
from collections.abc import Sequence

from model.engine.api import TokenConstraint
from model.grammar.compiler import GrammarCompiler
from model.grammar.vocabulary import ByteVocabulary
from model.grammar.wish import GrammarWish, Schema

END = 300
# Every byte, some pieces of several, two ids without text (control tokens), and the end.
TOKENS = [bytes([byte]) for byte in range(256)]
TOKENS += [
    b'{"',
    b'": ',
    b'", "',
    b'"}',
    b"}}",
    b" the",
    b"true",
    b"null",
    b"12",
    b"\n  ",
    b"\\u00",
]
TOKENS += [b""] * (END + 1 - len(TOKENS))
_CLOSING = frozenset(map(ord, '"}]')) | {END}


def compiler_of_bytes() -> GrammarCompiler:
    """A compiler for `TOKENS`."""
    return GrammarCompiler(lambda: TOKENS, [END])


def allowed_ids(constraint: TokenConstraint) -> list[int]:
    """The ids that may come next."""
    bits = int.from_bytes(constraint.allowed(), "little")
    return [id_ for id_ in range(len(TOKENS)) if bits >> id_ & 1]


def takes(compiler: GrammarCompiler, schema: Schema, text: str, *, fixed: bool = False) -> bool:
    """Whether the grammar of a schema takes this text, whole."""
    (constraint,) = compiler.begin(GrammarWish("schema", schema, fixed), 1)
    for id_ in ByteVocabulary(TOKENS, END)(text):
        if id_ not in allowed_ids(constraint):
            return False
        constraint.advance(id_)
    return END in allowed_ids(constraint)


def make(constraint: TokenConstraint, seed: int, most: int) -> str | None:
    """A text that ends where the grammar lets it, by chance; None where it would be too long."""
    chance = random.Random(seed)
    made: list[int] = []
    while len(made) < most:
        ids: Sequence[int] = allowed_ids(constraint)
        assert ids, "a grammar that lets nothing follow"
        closing = [id_ for id_ in ids if id_ in _CLOSING]
        id_ = chance.choice(closing if closing and chance.random() < 0.5 else ids)
        constraint.advance(id_)
        if id_ == END:
            return b"".join(TOKENS[one] for one in made).decode()
        made.append(id_)
    return None
