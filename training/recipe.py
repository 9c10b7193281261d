"""How to train: a TOML file read into one frozen object."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training.errors import RecipeError

LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Section(BaseModel):
    """A part of the recipe; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(Section):
    """The adapter's shape."""

    r: int = Field(default=8, ge=1, le=256)
    alpha: float = Field(default=16, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = Field(default=LINEARS, min_length=1)


class Schedule(Section):
    """The steps. The learning rate rises linearly over `warmup`, then falls as a cosine to 0."""

    learning_rate: float = Field(gt=0, le=1)
    epochs: float = Field(gt=0, le=1000)
    batch_size: int = Field(default=8, ge=1)
    accumulation: int = Field(default=1, ge=1)
    warmup: float = Field(default=0.06, ge=0, lt=1, description="a part of all steps")
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=512, ge=16, description="longer examples are left out")


class Stopping(Section):
    """Validation, and when to give up."""

    every: int = Field(ge=1, description="steps between two validations")
    patience: int = Field(default=3, ge=1, description="validations without a better loss")


class Recipe(Section):
    """Everything that decides what comes out, besides base and data."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    base: str = Field(min_length=1)
    licence: str = Field(min_length=1, description="of the data")
    seed: int = Field(default=0, ge=0, lt=2**32)
    lora: Lora = Lora()
    schedule: Schedule
    stopping: Stopping


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; RecipeError names the file, the key and what is wrong with it."""
    try:
        with path.open("rb") as file:
            return Recipe.model_validate(tomllib.load(file))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(map(str, detail["loc"]))
        reason = "no such key" if detail["type"] == "extra_forbidden" else detail["msg"]
        raise RecipeError(f"{path}: {key}: {reason}{_known(detail['loc'])}") from error


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
