"""Recipes: the shipped one is read, and every mistake is named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from training.errors import RecipeError
from training.recipe import read_recipe

DEMO = Path(__file__).resolve().parents[2] / "training" / "demo.toml"
LEAST = """name = "x"
base = "demo"
licence = "none"
[schedule]
learning_rate = 1e-3
epochs = 1
[stopping]
every = 5
"""


def test_the_demo_recipe_is_read():
    recipe = read_recipe(DEMO)
    assert recipe.base == "demo"
    assert recipe.lora.r == 8


def test_a_recipe_does_not_change():
    with pytest.raises(ValidationError):
        read_recipe(DEMO).seed = 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("epochs = 1", "epochs = 1\nepoch = 2", "schedule.epoch: no such key; known are learning_"),
        ('name = "x"', 'name = "x"\ncolour = 1', "colour: no such key; known are name, base"),
        (
            "[stopping]",
            "[lora]\nrank = 4\n[stopping]",
            "lora.rank: no such key; known are r, alpha",
        ),
        ("epochs = 1", "", "schedule.epochs: Field required"),
        ("epochs = 1", "epochs = -1", "schedule.epochs: Input should be greater than 0"),
        ('name = "x"', 'name = "../x"', "name: String should match pattern"),
        ("[stopping]", "[stopping", "is not TOML"),
        ("every = 5", 'every = "often"', "stopping.every: Input should be a valid integer"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, words):
    path = tmp_path / "recipe.toml"
    path.write_text(LEAST.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert words in str(caught.value)
    assert "recipe.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_one_clear_line(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "none.toml")
