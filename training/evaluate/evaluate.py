"""Is the adapter better, and at what? Base and adapters on the test side of a prepared folder."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data.files.datasets import PROMPTS, Pair, read_prompts
from model.loading.base import ResolvedBase, no_progress
from model.loading.manifest import BaseRecord, file_sha256
from model.offline import OfflineAnswer, OfflineModel
from model.text.prompt import PromptRenderer
from training.artifacts.adapter import check_base
from training.errors import PreparedDataError
from training.evaluate.estimates import Answered, Judge, classifier_accuracy, distinct_budget
from training.evaluate.leakage import refuse_overlap, unchecked_adapters
from training.evaluate.losses import losses_by_row
from training.evaluate.metrics.bootstrap import Array
from training.evaluate.metrics.overlap import longest_overlaps
from training.evaluate.questions import Question, ask, of_pair, of_prompt, record
from training.evaluate.result import DataUsed, Evaluation, Sampling, Variant
from training.prepare.sides import Side
from training.prepare.word_list import read_word_list
from training.train.dense import load_to_learn
from training.train.device import compute_dtype
from training.train.examples import TokenizedExample, encode, read_side

BASE = "base"
_MAX_TOKENS = 2048  # of a test row, prompt and reply or answer
_VERSIONS = ("torch", "transformers", "peft", "bitsandbytes", "evaluate", "sacrebleu")

# What is done now, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]
Adapters = Mapping[str, Path | None]


@dataclass(frozen=True, slots=True)
class Options:
    """What else decides the figures; `limit` takes so many test rows, from the first on."""

    sampling: Sampling = field(default_factory=Sampling)
    prompts: Path = PROMPTS
    limit: int | None = None
    word_list: Path | None = None
    trained_on: tuple[Path, ...] = ()
    draws: int = 1000


@dataclass(frozen=True, slots=True)
class _Sides:
    """The texts of the training side, and the rows of the test side."""

    training: list[str]
    test: list[Pair]
    unchecked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Answers:
    """By variant: the answers, and the longest run of words each shares with the training side."""

    said: dict[str, list[OfflineAnswer]]
    overlaps: dict[str, list[int]]


def measure_adapters(
    base: ResolvedBase,
    adapters: Adapters,
    data: Path,
    options: Options,
    progress: Progress = lambda stage, done, total: None,
) -> Evaluation:
    """Measure variants (a name and its adapter's folder, None: the base alone) on the test side.

    Writes no file. Raises TrainingError, DatasetError or ModelError, one line each;
    EvaluationError when a test row was trained on.
    """
    folders = {name: folder for name, folder in adapters.items() if folder is not None}
    for folder in folders.values():
        check_base(folder, base)
    sampling = options.sampling
    listed = read_word_list(options.word_list) if options.word_list else None
    prompts = [of_prompt(prompt) for prompt in read_prompts(options.prompts)]
    sides = _read(data, folders, options)

    questions, losses = _losses(base, adapters, sides.test, sampling.max_tokens, progress)
    gc.collect()  # the model of the losses goes before the engine's comes
    progress("loading the engine", 0, 1)
    engine = OfflineModel.open(base, folders, no_progress)
    progress("loading the engine", 1, 1)
    test = _ask_all(engine, adapters, questions, sampling, sides.training, progress)
    fixed = _ask_all(engine, adapters, prompts, sampling, sides.training, progress)

    replies = [question.reply or "" for question in questions]
    judge = Judge(replies, listed, options.draws, sampling.seed)
    answered = {name: _answered(test, name, losses[name]) for name in adapters}
    values, differences = judge.values(answered)
    budget = distinct_budget([each.texts for each in answered.values()])
    return Evaluation(
        created=datetime.now(UTC),
        base=BaseRecord(id=base.id, hash=base.hash),
        data=_data_used(data, len(questions), len(sides.test) - len(questions)),
        sampling=sampling,
        compute=engine.compute,
        draws=options.draws,
        distinct_words=budget,
        unchecked=sides.unchecked,
        variants=tuple(
            Variant(
                name=name,
                folder=folder.as_posix() if folder else None,
                hash=engine.hashes.get(name),
                values=values[name],
            )
            for name, folder in adapters.items()
        ),
        replies=judge.of_replies(longest_overlaps(replies, sides.training), budget),
        differences=tuple(differences),
        classifier=classifier_accuracy(),
        versions={name: version(name) for name in _VERSIONS},
        test=record(questions, test.said, test.overlaps),
        prompts=record(prompts, fixed.said, fixed.overlaps),
    )


def _read(data: Path, folders: Mapping[str, Path], options: Options) -> _Sides:
    training, test = read_side(data, Side.TRAIN), read_side(data, Side.TEST)
    refuse_overlap(test, training, data / "train.jsonl")
    unchecked = unchecked_adapters(folders, data, test, options.trained_on)
    texts = [text for pair in training for text in (pair.comment, pair.reply)]
    return _Sides(texts, test[: options.limit], tuple(unchecked))


def _losses(
    base: ResolvedBase,
    adapters: Adapters,
    pairs: Sequence[Pair],
    max_tokens: int,
    progress: Progress,
) -> tuple[list[Question], dict[str, Array]]:
    """The rows that fit as questions, and every variant's losses on their replies."""
    progress("loading the weights", 0, 1)
    model, tokenizer = load_to_learn(base, compute_dtype())
    progress("loading the weights", 1, 1)
    renderer = PromptRenderer(tokenizer)
    window = getattr(model.config, "sliding_window", None) or _MAX_TOKENS
    room = min(_MAX_TOKENS, model.config.max_position_embeddings, window)
    questions: list[Question] = []
    rows: list[TokenizedExample] = []
    for number, pair in enumerate(pairs, 1):
        row = _encode(pair, renderer, room)
        if row is not None and _prompt_length(row) + max_tokens <= room:
            questions.append(of_pair(number, pair))
            rows.append(row)
    if not rows:
        raise PreparedDataError(f"no test row and its answer fit into {room} tokens")
    losses = losses_by_row(
        model, adapters, rows, lambda name, done: progress(f"{name}: perplexity", done, len(rows))
    )
    return questions, losses


def _encode(pair: Pair, renderer: PromptRenderer, room: int) -> TokenizedExample | None:
    try:
        return encode([pair], renderer, room)[0]
    except PreparedDataError:
        return None


def _prompt_length(row: TokenizedExample) -> int:
    return int(np.flatnonzero(np.array(row["labels"]) >= 0)[0])


def _ask_all(
    engine: OfflineModel,
    adapters: Adapters,
    questions: Sequence[Question],
    sampling: Sampling,
    training: Sequence[str],
    progress: Progress,
) -> _Answers:
    """One variant after the other: what one says does not depend on which others were named."""
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


def _answered(answers: _Answers, name: str, losses: Array) -> Answered:
    given = answers.said[name]
    return Answered(
        texts=[answer.text for answer in given],
        overlaps=answers.overlaps[name],
        cut_off=[answer.finish_reason == "length" for answer in given],
        losses=losses,
    )


def _data_used(data: Path, rows: int, left_out: int) -> DataUsed:
    return DataUsed(
        path=data.as_posix(),
        test_sha256=file_sha256(data / f"{Side.TEST}.jsonl"),
        train_sha256=file_sha256(data / f"{Side.TRAIN}.jsonl"),
        rows=rows,
        left_out=left_out,
    )
