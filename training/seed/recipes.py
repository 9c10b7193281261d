"""The two recipes that are compared: the seed's, and ours for a few hundred pairs."""

from enum import StrEnum

from training.recipe import EPOCH, LINEARS, Lora, Recipe, Schedule, Stopping

SEED_EPOCHS, OUR_EPOCHS = 10, 4


class RecipeName(StrEnum):
    """Whose recipe: the course project's, or this project's for a few hundred pairs."""

    SEED = "seed"
    OURS = "ours"


def recipe_of(name: RecipeName, base: str, seed: int) -> Recipe:
    """One of the two recipes. Both validate after each epoch and keep the best adapter."""
    if name is RecipeName.SEED:
        lora = Lora(r=8, alpha=32, dropout=0.05, targets=("q_proj",))
        schedule = Schedule(
            learning_rate=2e-4,
            epochs=SEED_EPOCHS,
            batch_size=4,
            accumulation=4,
            scheduler="linear",
            warmup_steps=2,
        )
    else:
        lora = Lora(r=16, alpha=16, targets=LINEARS)
        schedule = Schedule(learning_rate=5e-4, epochs=OUR_EPOCHS, batch_size=8)
    stopping = Stopping(every=EPOCH, patience=SEED_EPOCHS if name is RecipeName.SEED else 2)
    return Recipe(
        name=name, base=base, licence="unknown: the seed's own file", seed=seed, lora=lora,
        schedule=schedule, stopping=stopping,
    )  # fmt: skip
