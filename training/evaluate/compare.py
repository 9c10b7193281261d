"""Answers of base and adapter to the fixed prompts, side by side, and a page of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.files.datasets import Prompt, read_prompts
from model.loading.base import ResolvedBase
from model.loading.manifest import AdapterManifest, read_manifest, short_hash
from model.loading.quantised import load_quantised
from model.sampling import CHAT
from training.artifacts.adapter import apply_adapter, check_base
from training.evaluate.answers import Decoding, answer_all
from training.evaluate.voice.classifier import Label
from training.evaluate.voice.judge import Judging, Verdicts, judge_by_words
from training.train.device import compute_dtype

# Greedy decoding shows the likeliest answer, the other way is how a chat samples. The penalty also
# counts the words of the prompt: a higher one makes answers avoid the words of the question.
WAYS = (
    Decoding(repetition_penalty=CHAT.repetition_penalty),
    Decoding(CHAT.temperature, CHAT.top_p, CHAT.repetition_penalty),
)


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """One prompt with the answers of base and adapter."""

    prompt: str
    base: str
    tuned: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What the judge found in one variant's answers; `words` is their mean length."""

    answers: int
    positions: int
    without_disclaimer: int
    words: float

    @classmethod
    def of(cls, answers: Sequence[str], verdicts: Verdicts) -> "Counts":
        """The counts over these answers, of which there must be one at least."""
        return cls(
            len(answers),
            sum(verdicts.has(Label.POSITION, answer) for answer in answers),
            sum(not verdicts.has(Label.DISCLAIMER, answer) for answer in answers),
            sum(len(answer.split()) for answer in answers) / len(answers),
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """All answers with one way of decoding, and what the judge said of them."""

    decoding: Decoding
    answered: tuple[AnswerPair, ...]
    verdicts: Verdicts

    @property
    def base(self) -> Counts:
        """The counts of the base's answers."""
        return Counts.of([each.base for each in self.answered], self.verdicts)

    @property
    def tuned(self) -> Counts:
        """The counts of the adapter's answers."""
        return Counts.of([each.tuned for each in self.answered], self.verdicts)


def compare(
    base: ResolvedBase,
    adapter: Path,
    prompts: Path,
    ways: Sequence[Decoding],
    judging: Judging = judge_by_words,
) -> list[Comparison]:
    """Let base and adapter answer every prompt, in each way of decoding, on the same 4-bit weights.

    Raises TrainingError, DatasetError or ModelError, one line each.
    """
    check_base(adapter, base)
    asked: list[Prompt] = read_prompts(prompts)
    texts = [prompt.prompt for prompt in asked]
    loaded, tokenizer = load_quantised(base, compute_dtype=compute_dtype(), trainable=True)
    model = apply_adapter(loaded, adapter)
    found: list[tuple[Decoding, list[AnswerPair]]] = []
    for decoding in ways:
        with model.disable_adapter():
            plain = answer_all(model, tokenizer, texts, decoding)
        tuned = answer_all(model, tokenizer, texts, decoding)
        rows = zip(texts, plain, tuned, strict=True)
        found.append((decoding, [AnswerPair(*row) for row in rows]))
    said = [text for _, pairs in found for pair in pairs for text in (pair.base, pair.tuned)]
    verdicts = judging(said, lambda done, total: None)
    return [Comparison(decoding, tuple(pairs), verdicts) for decoding, pairs in found]


def page(comparisons: Sequence[Comparison], adapter: Path) -> str:
    """The comparison as a Markdown page."""
    manifest = read_manifest(adapter)
    about = (
        "Written by `python -m training compare`; do not edit. Both columns come from the same "
        f"4-bit weights, once without and once with the adapter in `{adapter.as_posix()}`, "
        "through transformers' `generate` with peft in float32. The training pairs touch the same "
        "subjects in other words, and none is near one of these prompts: this shows whether the "
        "voice was learned, not how far it carries."
    )
    parts = [
        "# What the demo adapter changes",
        "",
        about,
        "",
        *_made(manifest),
        *_table(comparisons),
    ]
    for comparison in comparisons:
        parts += ["", f"## {str(comparison.decoding).capitalize()}"]
        for each in comparison.answered:
            parts += ["", f"### {each.prompt}", ""]
            parts += ["| base | tuned |", "|---|---|"]
            parts += [f"| {_cell(each.base)} | {_cell(each.tuned)} |"]
    return "\n".join(parts) + "\n"


def _made(manifest: AdapterManifest | None) -> list[str]:
    if manifest is None:
        return []
    figures = manifest.figures
    text = (
        f"Base {manifest.base.id}, adapter `{short_hash(manifest.adapter_hash)}`, trained on "
        f"{manifest.data.rows} pairs of `{manifest.data.path}`. Validation loss per reply token: "
        f"base {figures['base_validation_loss']:.3f}, tuned {figures['validation_loss']:.3f} "
        f"(perplexity {figures['base_perplexity']:.1f} and {figures['perplexity']:.1f})."
    )
    return [text, ""]


def _table(comparisons: Sequence[Comparison]) -> list[str]:
    verdicts = comparisons[0].verdicts
    note = f" {verdicts.note[:1].upper()}{verdicts.note[1:]}." if verdicts.note else ""
    lines = [
        (
            "The counts come from a small classifier (`training/evaluate/voice`) that goes by "
            f"{verdicts.judge} and errs, so read the answers too.{note}"
        ),
        "",
        "| decoding | variant | takes a position | no disclaimer | words |",
        "|---|---|---|---|---|",
    ]
    for comparison in comparisons:
        for name, counts in (("base", comparison.base), ("tuned", comparison.tuned)):
            lines.append(
                f"| {comparison.decoding} | {name} | {counts.positions} of {counts.answers} "
                f"| {counts.without_disclaimer} of {counts.answers} | {counts.words:.0f} |"
            )
    return lines


def _cell(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return escaped.replace("\n", "<br>") or "(nothing)"
