"""Measuring the base and adapters on the test side of a prepared folder."""

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data.files.datasets import PROMPTS, Pair, read_prompts
from model.loading.base import ResolvedBase, no_progress
from model.loading.manifest import BaseRecord, file_sha256, read_manifest
from model.offline import OfflineAnswer, OfflineModel
from model.text.prompt import PromptRenderer
from training.artifacts.adapter import check_base
from training.errors import PreparedDataError
from training.evaluate.estimates import Judge, VariantAnswers, classifier_accuracy, distinct_budget
from training.evaluate.leakage import refuse_overlap, unchecked_adapters
from training.evaluate.losses import losses_by_row
from training.evaluate.metrics.intervals import Array
from training.evaluate.metrics.overlap import longest_overlaps
from training.evaluate.metrics.words import bleu_tokenizer
from training.evaluate.questions import EvaluationQuestion, ask, of_pair, of_prompt, record
from training.evaluate.result import DataUsed, Evaluation, ReportedSampling, VariantFigures
from training.evaluate.voice.judge import Judging, Verdicts, judge_by_words
from training.prepare.card import Card, check_permission, read_card
from training.prepare.sides import Side
from training.prepare.word_list import read_word_list
from training.recipe import DATE
from training.train.dense import load_to_learn
from training.train.device import compute_dtype
from training.train.examples import (
    TokenizedExample,
    encode_row,
    read_side,
    row_name,
    side_file,
)

BASE = "base"
_MAX_TOKENS = 2048  # of a test row: prompt and reply, or prompt and answer
_VERSIONS = ("torch", "transformers", "peft", "bitsandbytes", "evaluate", "sacrebleu")

# Is given the current stage, how much of it is done, and how much there is to do.
Progress = Callable[[str, int, int], None]
Adapters = Mapping[str, Path | None]


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What else the figures depend on.

    `limit` takes only the first rows of the test side. `trained_on` are prepared folders that
    adapters were trained on. `draws` is the number of bootstrap draws, `judging` says which answers
    disclaim or take a position.
    """

    sampling: ReportedSampling = field(default_factory=ReportedSampling)
    prompts: Path = PROMPTS
    limit: int | None = None
    word_list: Path | None = None
    trained_on: tuple[Path, ...] = ()
    draws: int = 1000
    judging: Judging = judge_by_words


@dataclass(frozen=True, slots=True)
class _Sides:
    """The card of the data, the texts of the training side, and the rows of the test side."""

    card: Card
    training: list[str]
    test: list[Pair]
    unchecked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answers:
    """The answers of each variant, and the longest run of words shared with training texts."""

    said: dict[str, list[OfflineAnswer]]
    overlaps: dict[str, list[int]]


def measure_adapters(
    base: ResolvedBase,
    adapters: Adapters,
    data: Path,
    options: EvaluationOptions,
    progress: Progress = lambda stage, done, total: None,
) -> Evaluation:
    """Measure variants on the test side of the prepared folder `data`.

    `adapters` gives the folder of each variant's adapter, None for the base alone. Writes no file.
    Raises TrainingError, DatasetError or ModelError, one line each; EvaluationError if a test row
    was trained on.
    """
    folders = {name: folder for name, folder in adapters.items() if folder is not None}
    for folder in folders.values():
        check_base(folder, base)
    sampling = options.sampling
    listed = read_word_list(options.word_list) if options.word_list else None
    prompts = [of_prompt(prompt) for prompt in read_prompts(options.prompts)]
    sides = _read(data, folders, options)

    file = side_file(data, Side.TEST)
    questions, losses = _losses(base, adapters, sides.test, file, sampling.max_tokens, progress)
    gc.collect()  # frees the model of the losses before the engine loads its own
    progress("loading the engine", 0, 1)
    engine = OfflineModel.open(base, folders, no_progress, today=DATE)
    progress("loading the engine", 1, 1)
    test = _ask_all(engine, adapters, questions, sampling, sides.training, progress)
    fixed = _ask_all(engine, adapters, prompts, sampling, sides.training, progress)

    replies = [question.reply or "" for question in questions]
    verdicts = _judged(options.judging, replies, (test, fixed), progress)
    judge = Judge(replies, listed, options.draws, sampling.seed, verdicts)
    answered = {name: _answered(test, name, losses[name]) for name in adapters}
    values, differences = judge.values(answered)
    budget = distinct_budget([each.texts for each in answered.values()])
    return Evaluation(
        created=datetime.now(UTC),
        base=BaseRecord(id=base.id, hash=base.hash),
        data=_data_used(data, sides, len(questions), folders.values()),
        sampling=sampling,
        compute=engine.compute,
        draws=options.draws,
        distinct_words=budget,
        bleu_tokenizer=bleu_tokenizer(replies),
        unchecked=sides.unchecked,
        variants=tuple(
            VariantFigures(
                name=name,
                folder=folder.as_posix() if folder else None,
                hash=engine.hashes.get(name),
                values=values[name],
            )
            for name, folder in adapters.items()
        ),
        replies=judge.of_replies(longest_overlaps(replies, sides.training), budget),
        differences=tuple(differences),
        voice_judge=verdicts.judge,
        voice_note=verdicts.note,
        classifier=classifier_accuracy(verdicts),
        versions={name: version(name) for name in _VERSIONS},
        test=record(questions, test.said, test.overlaps, verdicts),
        prompts=record(prompts, fixed.said, fixed.overlaps, verdicts),
    )


def _read(data: Path, folders: Mapping[str, Path], options: EvaluationOptions) -> _Sides:
    card = read_card(data)
    check_permission(data, card)
    training, test = read_side(data, Side.TRAIN), read_side(data, Side.TEST)
    refuse_overlap(test, training, data / "train.jsonl")
    unchecked = unchecked_adapters(folders, data, test, options.trained_on)
    texts = [text for pair in training for text in (pair.comment, pair.reply)]
    return _Sides(card, texts, test[: options.limit], tuple(unchecked))


def _losses(
    base: ResolvedBase,
    adapters: Adapters,
    pairs: Sequence[Pair],
    file: Path,
    max_tokens: int,
    progress: Progress,
) -> tuple[list[EvaluationQuestion], dict[str, Array]]:
    """The rows that fit as questions, and every variant's losses on their replies."""
    progress("loading the weights", 0, 1)
    model, tokenizer = load_to_learn(base, compute_dtype())
    progress("loading the weights", 1, 1)
    renderer = PromptRenderer(tokenizer, DATE)
    window = getattr(model.config, "sliding_window", None) or _MAX_TOKENS
    room = min(_MAX_TOKENS, model.config.max_position_embeddings, window)
    questions: list[EvaluationQuestion] = []
    rows: list[TokenizedExample] = []
    for number, pair in enumerate(pairs, 1):
        row = encode_row(pair, renderer, row_name(number, file))
        if len(row["input_ids"]) <= room and _prompt_length(row) + max_tokens <= room:
            questions.append(of_pair(number, pair))
            rows.append(row)
    if not rows:
        raise PreparedDataError(f"no test row and its answer fit into {room} tokens")
    losses = losses_by_row(
        model, adapters, rows, lambda name, done: progress(f"{name}: perplexity", done, len(rows))
    )
    return questions, losses


def _prompt_length(row: TokenizedExample) -> int:
    return int(np.flatnonzero(np.array(row["labels"]) >= 0)[0])


def _ask_all(
    engine: OfflineModel,
    adapters: Adapters,
    questions: Sequence[EvaluationQuestion],
    sampling: ReportedSampling,
    training: Sequence[str],
    progress: Progress,
) -> _Answers:
    """Ask one variant after the other, so that no answer depends on the other variants."""
    said: dict[str, list[OfflineAnswer]] = {}
    for name, folder in adapters.items():
        done = iter(range(1, len(questions) + 1))
        variant = name if folder else BASE
        said[name] = ask(
            engine,
            variant,
            questions,
            sampling,
            lambda name=name, done=done: progress(f"{name}: answers", next(done), len(questions)),
        )
    overlaps = {
        name: longest_overlaps([answer.text for answer in given], training)
        for name, given in said.items()
    }
    return _Answers(said, overlaps)


def _judged(
    judging: Judging, replies: Sequence[str], answers: Sequence[_Answers], progress: Progress
) -> Verdicts:
    """The verdicts on everything that anybody said, in one pass."""
    said = [one.text for given in answers for told in given.said.values() for one in told]
    texts = [*replies, *said]
    return judging(texts, lambda done, of: progress("disclaimers and positions", done, of))


def _answered(answers: _Answers, name: str, losses: Array) -> VariantAnswers:
    given = answers.said[name]
    return VariantAnswers(
        texts=[answer.text for answer in given],
        overlaps=answers.overlaps[name],
        cut_off=[answer.finish_reason == "length" for answer in given],
        losses=losses,
    )


def _data_used(data: Path, sides: _Sides, rows: int, adapters: Iterable[Path]) -> DataUsed:
    made = [found.data for folder in adapters if (found := read_manifest(folder)) is not None]
    permissions = {sides.card.permission, *(record.discord_permission for record in made)}
    exports = (name for record in made for name in record.exports)
    return DataUsed(
        path=data.as_posix(),
        test_sha256=file_sha256(data / f"{Side.TEST}.jsonl"),
        train_sha256=file_sha256(data / f"{Side.TRAIN}.jsonl"),
        rows=rows,
        left_out=len(sides.test) - rows,
        exports=tuple(dict.fromkeys((*sides.card.exports, *exports))),
        discord_permission=", ".join(sorted(filter(None, permissions))) or None,
    )
