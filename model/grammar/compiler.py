"""Turns JSON schemas into grammars over the model's own tokens, and keeps the last ones."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence

from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from model.engine.api import TokenConstraint
from model.errors import BadParameter
from model.grammar.matcher import RowMatcher
from model.grammar.schema import checked_schema
from model.grammar.vocabulary import ByteVocabulary
from model.grammar.wish import GrammarWish

KEPT = 32  # grammars: a large one takes a few megabytes
# What one grammar may cost at its making and at each token: about 0.2 s and 10 ms.
_LIMITS = LLParserLimits(
    initial_lexer_fuel=500_000,
    step_lexer_fuel=100_000,
    step_max_items=30_000,
    max_lexer_states=50_000,
    max_grammar_size=200_000,
    verbose_errors=False,
)
# Blanks as people and models write them, but never without end: a line end and an indentation.
_FREE = {"whitespace_flexible": True, "whitespace_pattern": r"\n? {0,8}"}
_FIXED = {"whitespace_flexible": False}
_ALWAYS = {
    "item_separator": ",",
    "key_separator": ":",
    "coerce_one_of": False,
    "lenient": False,
    "json_allow_general_unicode_escapes": False,
}


class GrammarCompiler:
    """Compiles schemas for one vocabulary; any thread may call it.

    `tokens` gives the bytes of each id (b"" for what is no text, such as control tokens), or None
    where they cannot be known. It is called at the first schema, which takes a second for it.
    `ends` are the ids that end an answer.
    """

    def __init__(self, tokens: Callable[[], Sequence[bytes] | None], ends: Collection[int]) -> None:
        self._tokens = tokens
        self._ends = sorted(ends)
        self._vocabulary: LLTokenizer | None = None
        self._making = threading.Lock()
        self._kept: OrderedDict[str, LLMatcher] = OrderedDict()
        self._keeping = threading.Lock()

    def begin(self, wish: GrammarWish, rows: int) -> list[TokenConstraint]:
        """A constraint for each of so many rows; implements `model.grammar.wish.Constrain`."""
        grammar = self._grammar(wish)
        return [RowMatcher(grammar.deep_copy()) for _ in range(rows)]

    def _grammar(self, wish: GrammarWish) -> LLMatcher:
        """A matcher at the beginning, from before where this schema was asked for lately."""
        text = json.dumps([wish.schema, wish.fixed])
        key = hashlib.sha256(text.encode()).hexdigest()
        with self._keeping:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
        made = self._compile(wish)
        with self._keeping:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def _compile(self, wish: GrammarWish) -> LLMatcher:
        schema = json.dumps(checked_schema(wish.param, wish.schema))
        separators = {"item_separator": ", ", "key_separator": ": "} if wish.fixed else {}
        options = _ALWAYS | (_FIXED if wish.fixed else _FREE) | separators
        vocabulary = self._known(wish.param)
        try:
            source = LLMatcher.grammar_from_json_schema(schema, overrides=options)  # pyright: ignore[reportArgumentType] - a TypedDict
        except ValueError as error:
            raise _refused(wish.param, str(error)) from error
        matcher = LLMatcher(vocabulary, source, log_level=0, limits=_LIMITS)
        first = matcher.deep_copy()
        if not matcher.is_error() and not any(first.compute_bitmask()):
            raise BadParameter(wish.param, f"{wish.param}: nothing satisfies this schema")
        if said := matcher.get_error() or first.get_error():
            raise _refused(wish.param, said)
        return matcher

    def _known(self, param: str) -> LLTokenizer:
        with self._making:
            if self._vocabulary is None:
                tokens = self._tokens()
                ends = [id_ for id_ in self._ends if tokens is not None and id_ < len(tokens)]
                if tokens is None or not ends:
                    raise BadParameter(
                        param, f"{param} is not supported with this model: its tokens are not known"
                    )
                self._vocabulary = LLTokenizer(
                    TokenizerWrapper(ByteVocabulary(tokens, ends[0])),
                    eos_token=ends,
                    slices=LLTokenizer.json_slices(),
                )
            return self._vocabulary


def _refused(param: str, said: str) -> BadParameter:
    line = " ".join(said.replace("<non-verbose/>", "").split())
    if "NoExtension" in line:
        line = "nothing satisfies this schema"
    return BadParameter(param, f"{param}: {line:.200}")
