"""The recipe of a training: a TOML file with overrides from the command line, read and checked."""

import datetime
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from training.errors import RecipeError

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ALL = "all"
DATE = datetime.date(2024, 7, 26)  # what Llama 3.1 and 3.2 say where there is no clock
EPOCH = "epoch"
TooLong = Literal["shorten", "drop", "refuse"]


def _targets(value: object) -> object:
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if names == [ALL]:
        return LINEARS
    if not isinstance(names, list | tuple) or not names or not set(names) <= set(LINEARS):
        allowed = f'"{ALL}" or some of {", ".join(LINEARS)}'
        raise PydanticCustomError("targets", "{text}", {"text": f"Input should be {allowed}"})
    return tuple(name for name in LINEARS if name in names)


def _every(value: object) -> object:
    if value != EPOCH and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        text = f'Input should be a valid integer from 1 on, or "{EPOCH}"'
        raise PydanticCustomError("every", "{text}", {"text": text})
    return value


class Section(BaseModel):
    """A table of the recipe's file. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(Section):
    """The adapter's rank, scale and dropout, and the layers it adapts (in the order of LINEARS).

    `rslora` scales by alpha / √r in place of alpha / r (Kalajdzievski, 2023, arXiv:2312.03732);
    `dora` learns each output's length beside its direction (Liu and others, 2024,
    arXiv:2402.09353).
    """

    r: int = Field(default=8, ge=1, le=256)
    alpha: float = Field(default=16, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: Annotated[tuple[str, ...], BeforeValidator(_targets)] = LINEARS
    rslora: bool = False
    dora: bool = False


class Schedule(Section):
    """How the optimiser's steps go, each over `batch_size * accumulation` examples.

    The learning rate rises linearly over the warm-up, then follows `scheduler`. `layout`,
    `row_tokens` and `checkpointing` change speed and memory, not what is learned. `too_long` says
    what becomes of an example with more than `max_tokens` tokens: its end is kept ("shorten"), it
    is left out ("drop"), or training does not begin ("refuse"). The rate of the adapter's B
    matrices is `rate_of_b` times the others' (LoRA+: Hayou and others, 2024, arXiv:2402.12354).
    `noise` is NEFTune's alpha (see `training.train.noise`).
    """

    learning_rate: float = Field(gt=0, le=1)
    epochs: float = Field(gt=0, le=1000)
    batch_size: int = Field(default=8, ge=1)
    accumulation: int = Field(default=1, ge=1)
    layout: Literal["packed", "padded"] = "packed"
    row_tokens: int = Field(default=2048, ge=16, description="of a packed row")
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = Field(default=0.06, ge=0, lt=1, description="a part of all steps")
    warmup_steps: int | None = Field(default=None, ge=0, description="instead of a part")
    optimizer: Literal["auto", "adamw", "paged_adamw_8bit"] = "auto"
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    rate_of_b: float = Field(default=1.0, gt=0, le=1000)
    noise: float = Field(default=0.0, ge=0)
    max_tokens: int = Field(default=512, ge=16, description="of an example")
    too_long: TooLong = "shorten"
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    checkpointing: Literal["auto", "on", "off"] = "auto"


class Stopping(Section):
    """When to validate, when to stop early, and when to write checkpoints."""

    every: Annotated[int | Literal["epoch"], BeforeValidator(_every)] = Field(
        description="steps between two validations"
    )
    patience: int = Field(default=3, ge=1, description="validations without a better loss")
    save_every: int | None = Field(default=None, ge=1, description="more checkpoints than those")


class Recipe(Section):
    """All choices of a training besides its data.

    `licence` is that of the data; with None the data's card decides. `date` is what a chat template
    that writes today's date (Llama 3.2) writes in training.
    """

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    base: str = Field(min_length=1)
    licence: str | None = Field(default=None, min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    date: datetime.date = DATE
    lora: Lora = Lora()
    schedule: Schedule
    stopping: Stopping


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe; `key=value` overrides (`schedule.epochs=2`) replace the file's values.

    Raises RecipeError that names the file or the override, the key, the value and what is allowed.
    """
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
    changed = {_override(values, override) for override in overrides}
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        place = detail["loc"]
        key = ".".join(map(str, place))
        source = "--set" if key in changed else path
        if detail["type"] == "extra_forbidden":
            reason = "no such key"
        elif detail["type"] == "missing":
            reason = detail["msg"]
        else:
            reason = f"{detail['msg']}, not {detail['input']!r}"
        raise RecipeError(f"{source}: {key}: {reason}{_known(place)}") from error


def _override(values: dict[str, Any], override: str) -> str:
    """Put one override into the values; gives its key."""
    key, equals, text = override.partition("=")
    key = key.strip()
    if not (key and equals):
        raise RecipeError(f"--set {override}: give key=value, as in schedule.epochs=2")
    *sections, last = key.split(".")
    place: Any = values
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise RecipeError(f"--set {override}: {section} is no section")
    place[last] = _value(text.strip())
    return key


def _value(text: str) -> Any:  # noqa: ANN401 - whatever TOML knows
    """As TOML reads it; what is no TOML is a string, so that words need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _known(place: tuple[int | str, ...]) -> str:
    """The keys that are known where an unknown one stood."""
    section: type[BaseModel] = Recipe
    for part in place[:-1]:
        inner = section.model_fields.get(str(part))
        if inner is None or not isinstance(inner.annotation, type):
            return ""
        section = inner.annotation
    if str(place[-1]) in section.model_fields:
        return ""
    return f"; known are {', '.join(section.model_fields)}"
