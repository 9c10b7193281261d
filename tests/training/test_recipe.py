"""Recipes: the shipped one is read, and every mistake is named."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from training.errors import RecipeError
from training.recipe import DATE, LINEARS, Lora, Recipe, Schedule, Stopping, read_recipe

FOLDER = Path(__file__).resolve().parents[2] / "training"
DEMO = FOLDER / "demo.toml"
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
        ("epochs = 1", "epochs = -1", "schedule.epochs: Input should be greater than 0, not -1"),
        (
            "[stopping]",
            '[lora]\ntargets = ["nose"]\n[stopping]',
            'lora.targets: Input should be "all" or some of q_proj, k_proj',
        ),
        (
            "epochs = 1",
            'epochs = 1\nlayout = "folded"',
            "schedule.layout: Input should be 'packed' or 'padded', not 'folded'",
        ),
        ("every = 5", "every = 0", 'every: Input should be a valid integer from 1 on, or "epoch"'),
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


@pytest.fixture
def least(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(LEAST, encoding="utf-8")
    return path


def test_overrides_stand_in_place_of_the_files_values(least):
    recipe = read_recipe(
        least,
        [
            "schedule.learning_rate=1e-4",
            "lora.r=16",
            "lora.targets=v_proj,q_proj",
            "name=other",
            "stopping.every=epoch",
            "schedule.epochs = 3",
            'licence="two = words"',
        ],
    )
    assert (recipe.schedule.learning_rate, recipe.schedule.epochs) == (1e-4, 3)
    assert (recipe.lora.r, recipe.lora.targets) == (16, ("q_proj", "v_proj"))
    assert (recipe.name, recipe.licence) == ("other", "two = words")
    assert recipe.stopping.every == "epoch"


def test_the_date_is_fixed_unless_told(least):
    assert read_recipe(least).date == DATE
    assert read_recipe(least, ["date=2031-12-24"]).date == date(2031, 12, 24)
    assert read_recipe(least).model_dump(mode="json")["date"] == DATE.isoformat()
    with pytest.raises(RecipeError, match="--set: date: Input should be a valid date"):
        read_recipe(least, ["date=today"])


def test_the_last_override_of_a_key_wins(least):
    assert read_recipe(least, ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("all_of_them", ["lora.targets=all", 'lora.targets=["all"]'])
def test_all_means_all_linears(least, all_of_them):
    assert read_recipe(least, [all_of_them]).lora.targets == LINEARS


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("lora.rank=4", "--set: lora.rank: no such key; known are r, alpha, dropout, targets"),
        ("lora.r=lots", ("--set: lora.r: Input should be a valid integer, unable to parse string "
         "as an integer, not 'lots'")),
        ("lora.r=0", "--set: lora.r: Input should be greater than or equal to 1, not 0"),
        ("lora.targets=nose", ("--set: lora.targets: Input should be \"all\" or some of q_proj, "
         "k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, not 'nose'")),
        ("lora.r", "--set lora.r: give key=value, as in schedule.epochs=2"),
        ("=4", "--set =4: give key=value, as in schedule.epochs=2"),
        ("name.first=x", "--set name.first=x: name is no section"),
        ("schedule.optimizer=sgd", ("--set: schedule.optimizer: Input should be 'auto', 'adamw' or "
         "'paged_adamw_8bit', not 'sgd'")),
        ("stopping.every=often", ("--set: stopping.every: Input should be a valid integer from 1 "
         "on, or \"epoch\", not 'often'")),
        ("colour=blue", ("--set: colour: no such key; known are name, base, licence, seed, date, "
         "lora, schedule, stopping")),
    ],
)  # fmt: skip
def test_mistakes_on_the_command_line_are_named(least, override, line):
    with pytest.raises(RecipeError) as caught:
        read_recipe(least, [override])
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("rslora", "rsLoRA"),
        ("use_rslora", "rsLoRA"),
        ("dora", "DoRA"),
        ("use-DoRA", "DoRA"),
        ("loraplus_lr_ratio", "LoRA+"),
        ("lora+", "LoRA+"),
        ("lora_plus", "LoRA+"),
        ("neftune_noise_alpha", "NEFTune"),
        ("NEFTune", "NEFTune"),
    ],
)
@pytest.mark.parametrize("section", ["", "lora.", "schedule."])
def test_variants_that_are_not_offered_are_refused_by_name(least, section, key, name):
    with pytest.raises(RecipeError) as caught:
        read_recipe(least, [f"{section}{key}=5"])
    line = str(caught.value)
    assert line.startswith(f"--set: {section}{key}: {name} ")
    assert line.endswith(" (docs/experiments.md)")
    assert "\n" not in line


def test_a_variant_that_is_not_offered_is_refused_in_a_file(least):
    least.write_text(f"{LEAST}[lora.dora]\nr = 5\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"recipe\.toml: lora\.dora: DoRA "):
        read_recipe(least)


def test_a_mistake_in_the_file_is_not_blamed_on_an_override(least):
    least.write_text(LEAST.replace("epochs = 1", "epochs = 0"))
    with pytest.raises(RecipeError, match=r"recipe\.toml: schedule\.epochs: .* not 0"):
        read_recipe(least, ["lora.r=4"])


def test_the_recipe_for_gpus_explains_every_key():
    path = FOLDER / "qlora.toml"
    recipe = read_recipe(path)
    assert recipe.base.startswith("mistralai/Mistral-7B-Instruct")
    assert (recipe.lora.r, recipe.lora.targets) == (16, LINEARS)
    assert (recipe.schedule.layout, recipe.schedule.row_tokens) == ("packed", 2048)
    text = path.read_text(encoding="utf-8")
    values = tomllib.loads(text)
    for fields, given in (
        (Recipe, values),
        (Lora, values["lora"]),
        (Schedule, values["schedule"]),
        (Stopping, values["stopping"]),
    ):
        for key in fields.model_fields:
            assert key in given or re.search(rf"^#.*\b{key}\b", text, re.M), f"{key} is missing"
    for paragraph in re.split(r"\n\n|\n(?=\[)", text):
        assert paragraph.startswith(("#", "[")), paragraph
        assert "#" in paragraph, paragraph


def test_the_recipe_for_gpus_runs_elsewhere_with_another_base():
    assert read_recipe(FOLDER / "qlora.toml", ["base=demo"]).base == "demo"


def test_a_missing_recipe_is_one_clear_line(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "none.toml")
