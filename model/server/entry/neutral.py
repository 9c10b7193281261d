"""Fields and values that clients send although they ask for nothing: the list, once, as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from pydantic.fields import FieldInfo

from model.errors import BadParameter
from model.protocol.chat_request import AnswerRequest, ChatMessage, StreamOptions, TextPart
from model.protocol.completion_request import CompletionRequest

MAX_TURNS = 4096  # messages and the parts of their contents together
_SHOWN = 60
_KINDS = {
    bool: "true or false",
    str: "a text",
    float: "a number",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True)
class Neutral:
    """A field that is read past where it holds one of `values`, or any value of these `kinds`."""

    values: tuple[object, ...] = ()
    kinds: tuple[type, ...] = ()

    def takes(self, value: object) -> bool:
        """Whether this value asks for nothing; true and false are no numbers."""
        kind = float if type(value) is int else type(value)
        return kind in self.kinds or any(_same(value, one) for one in self.values)

    @property
    def words(self) -> str:
        """What is read past, for people."""
        return " or ".join([*map(json.dumps, self.values), *(_KINDS[kind] for kind in self.kinds)])


# Null always counts as not given, in each of these places and for every field.
_TEXT, _FLAG, _OBJECT = Neutral(kinds=(str,)), Neutral(kinds=(bool,)), Neutral(kinds=(dict,))
_OFF, _ON, _NONE, _ONE = Neutral((False,)), Neutral((True,)), Neutral((0,)), Neutral((1,))
_EMPTY, _NO_OBJECT, _NO_TEXT = Neutral(([],)), Neutral(({},)), Neutral(("",))
_NUMBER = Neutral(kinds=(float,))

# Fields of a chat request. Beside them, tools are read past unless the request insists on a call:
# a model that may call one may also answer without.
REQUEST_FIELDS: Mapping[str, Neutral] = {
    "tool_choice": Neutral(("none", "auto")),
    "functions": Neutral(kinds=(list,)),
    "function_call": Neutral(("none", "auto")),
    "response_format": Neutral(({"type": "text"},)),
    "modalities": Neutral((["text"],)),
    "reasoning_effort": Neutral(("none",)),
    "verbosity": Neutral(("medium",)),
    "service_tier": Neutral(("auto", "default")),
    "store": _FLAG,
    "metadata": _OBJECT,
    "safety_identifier": _TEXT,
    "prompt_cache_key": _TEXT,
    "prompt_cache_retention": _TEXT,
    # vLLM's, llama.cpp's and text-generation-webui's, as their clients send them
    "skip_special_tokens": _ON,
    "spaces_between_special_tokens": _ON,
    "include_stop_str_in_output": _OFF,
    "ignore_eos": _OFF,
    "add_special_tokens": _OFF,
    "echo": _OFF,
    "use_beam_search": _OFF,
    "best_of": _ONE,
    "min_tokens": _NONE,
    "length_penalty": _ONE,
    "repeat_penalty": _ONE,
    "typical_p": _ONE,
    "tfs": _ONE,
    "top_a": _NONE,
    "mirostat": _NONE,
    "mirostat_mode": _NONE,
    "stop_token_ids": _EMPTY,
    "bad_words": _EMPTY,
    "cache_prompt": _FLAG,
    "chat_template_kwargs": Neutral(({}, {"enable_thinking": False})),
    # Local servers' further samplers, switched off, and the numbers of those that are
    "tfs_z": _ONE,
    "typical": _ONE,
    "mirostat_tau": _NUMBER,
    "mirostat_eta": _NUMBER,
    "epsilon_cutoff": _NONE,
    "eta_cutoff": _NONE,
    "smoothing_factor": _NONE,
    "smoothing_curve": _NUMBER,
    "dynatemp_range": _NONE,
    "dynatemp_exponent": _NUMBER,
    "dry_multiplier": _NONE,
    "dry_base": _NUMBER,
    "dry_allowed_length": _NUMBER,
    "dry_penalty_last_n": _NUMBER,
    "dry_sequence_breakers": Neutral(kinds=(str, list)),
    "xtc_probability": _NONE,
    "xtc_threshold": _NUMBER,
    "top_n_sigma": Neutral((0, -1)),
    "nsigma": _NONE,
    "skew": _NONE,
    "min_keep": _NONE,
    "min_length": _NONE,
    "no_repeat_ngram_size": _NONE,
    "encoder_repetition_penalty": _ONE,
    "repeat_last_n": Neutral((-1,)),
    "penalty_alpha": _NONE,
    "num_beams": _ONE,
    "early_stopping": _OFF,
    "guidance_scale": _ONE,
    "ban_eos_token": _OFF,
    "banned_tokens": Neutral(("", [])),
    "banned_strings": _EMPTY,
    "custom_token_bans": Neutral(("", [])),
    "grammar": _NO_TEXT,
    "grammar_string": _NO_TEXT,
    "n_probs": _NONE,
    "think": _OFF,
    "enable_thinking": _OFF,
    "include_reasoning": _FLAG,
}
# Fields of a completion request: those of a chat that do not belong to conversations, and its own.
ONLY_OF_CHATS = frozenset(
    {"tools", "tool_choice", "functions", "function_call", "parallel_tool_calls"}
    | {"response_format", "modalities", "reasoning_effort", "verbosity", "chat_template_kwargs"}
    | {"echo"}  # a completion has one
)
OF_COMPLETIONS: Mapping[str, Neutral] = {
    "suffix": Neutral(("",)),
    "logprobs": _OFF,
    "add_special_tokens": _ON,
}
COMPLETION_FIELDS: Mapping[str, Neutral] = {
    **{name: neutral for name, neutral in REQUEST_FIELDS.items() if name not in ONLY_OF_CHATS},
    **OF_COMPLETIONS,
}
TURN_FIELDS: Mapping[str, Neutral] = {
    "name": _TEXT,
    "refusal": _NO_TEXT,
    "annotations": _EMPTY,
    "tool_calls": _EMPTY,
    "reasoning_content": _NO_TEXT,
}
PART_FIELDS: Mapping[str, Neutral] = {"annotations": _EMPTY, "cache_control": _OBJECT}
STREAM_FIELDS: Mapping[str, Neutral] = {
    "include_obfuscation": _FLAG,
    "continuous_usage_stats": _OFF,
}
# Values by which clients switch a supported field off.
SWITCHED_OFF: Mapping[str, tuple[object, ...]] = {
    "seed": (-1,),
    "top_k": (-1,),
    "stop": ("", []),
    "logit_bias": ({},),
}
SAME_ROLE = {"developer": "system"}


def without_neutral(body: object, kind: type[AnswerRequest]) -> object:
    """The body of a request of this kind without what asks for nothing.

    Raises BadParameter for the first field that is not known, or that asks for something the
    worker does not do, and for more than MAX_TURNS turns; so a body of nothing but mistakes costs
    no more than its first. Other mistakes are left to the caller.
    """
    if not isinstance(body, dict):
        return body
    neutral = COMPLETION_FIELDS if kind is CompletionRequest else REQUEST_FIELDS
    fields = _known("", cast("dict[str, object]", body), kind.model_fields, neutral)
    if "tool_choice" not in fields and isinstance(fields.get("tools", []), list):
        fields.pop("tools", None)
    for name, values in SWITCHED_OFF.items():
        if name in fields and any(_same(fields[name], value) for value in values):
            del fields[name]
    if isinstance(stops := fields.get("stop"), list):
        fields["stop"] = [stop for stop in cast("list[object]", stops) if stop != ""]
    if isinstance(options := fields.get("stream_options"), dict):
        options = cast("dict[str, object]", options)
        known = _known("stream_options.", options, StreamOptions.model_fields, STREAM_FIELDS)
        fields["stream_options"] = known
    if isinstance(messages := fields.get("messages"), list):
        fields["messages"] = _turns(cast("list[object]", messages))
    return fields


def _turns(messages: list[object]) -> list[object]:
    count = len(messages)
    for message in messages:
        if count > MAX_TURNS:
            break
        content = cast("dict[str, object]", message).get("content") if _is_object(message) else None
        if isinstance(content, list):
            count += len(cast("list[object]", content))
    if count > MAX_TURNS:
        raise BadParameter("messages", f"messages may hold {MAX_TURNS} turns and parts, not more")
    return [_turn(f"messages[{place}].", turn) for place, turn in enumerate(messages)]


def _turn(where: str, turn: object) -> object:
    if not isinstance(turn, dict):
        raise BadParameter(where[:-1], f"{where[:-1]} must be an object, not {_shown(turn)}")
    fields = _known(where, cast("dict[str, object]", turn), ChatMessage.model_fields, TURN_FIELDS)
    role = fields.get("role")
    if isinstance(role, str) and role in SAME_ROLE:
        fields["role"] = SAME_ROLE[role]
    if role == "assistant":
        fields.setdefault("content", "")
    if isinstance(parts := fields.get("content"), list):
        fields["content"] = [
            _part(f"{where}content[{place}].", part)
            for place, part in enumerate(cast("list[object]", parts))
        ]
    return fields


def _part(where: str, part: object) -> object:
    if not _is_text(part):
        return part
    return _known(where, cast("dict[str, object]", part), TextPart.model_fields, PART_FIELDS)


def _known(
    where: str,
    given: dict[str, object],
    known: Mapping[str, FieldInfo],
    neutral: Mapping[str, Neutral],
) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in known and not (name in neutral and neutral[name].takes(value)):
            kept[name] = value
        elif name not in neutral:
            field = f"{where}{name[:_SHOWN]}"
            more = "" if where else f"; supported are: {', '.join(_needed_first(known))}"
            raise BadParameter(field, f"{field} is not supported{more}")
        elif not neutral[name].takes(value):
            field, words = f"{where}{name}", neutral[name].words
            raise BadParameter(field, f"{field} is not supported, only {words}: {_shown(value)}")
    return kept


def _needed_first(fields: Mapping[str, FieldInfo]) -> list[str]:
    return sorted(fields, key=lambda name: not fields[name].is_required())


def _same(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_text(part: object) -> bool:
    return isinstance(part, dict) and cast("dict[str, object]", part).get("type") == "text"


def _shown(value: object) -> str:
    text = json.dumps(value) if isinstance(value, str | int | float | bool) else "a list or object"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
