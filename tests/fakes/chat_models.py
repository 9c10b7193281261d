"""Small tokenizers with the control tokens and chat templates of models that people use.

The templates in `chat_templates` are written from what the models' makers publish about their
prompts. Each tokenizer cuts text as the model's own does: SentencePiece or byte level, with or
without a space before a piece, and with the control tokens that the model has. Marks that are no
control tokens there (`[INST]` before Mistral v0.3, `<|user|>` of Zephyr) are plain text here too.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tests.fakes.metaspace_tokenizer import CONTROL, metaspace_tokenizer
from tests.fakes.tiny_model import byte_level_tokenizer

FOLDER = Path(__file__).with_name("chat_templates")
LLAMA_3 = [
    *("<|begin_of_text|>", "<|end_of_text|>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
]
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# Line ends that stand together, so that merges cross from what opens the answer into the answer.
LINE_ENDS = ["one\n\n\ntwo \n\n\n three"]
# Llama 3, Qwen 2.5 and Nemo keep line ends together, whatever follows them; GPT-2's cut does not.
PIECES = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def _sentencepiece(name: str) -> PreTrainedTokenizerFast:
    return metaspace_tokenizer("always", CONTROL[:3], chat_template=template(name))


def _mistral_v3(name: str) -> PreTrainedTokenizerFast:
    return metaspace_tokenizer("first", chat_template=template(name))


def _tekken(name: str) -> PreTrainedTokenizerFast:
    return byte_level_tokenizer(
        CONTROL, LINE_ENDS, PIECES, bos_token="<s>", eos_token="</s>", chat_template=template(name)
    )


def _llama_3(name: str) -> PreTrainedTokenizerFast:
    begin, end = LLAMA_3[0], LLAMA_3[-1]
    return byte_level_tokenizer(
        LLAMA_3, LINE_ENDS, PIECES, bos_token=begin, eos_token=end, chat_template=template(name)
    )


def _chatml(name: str) -> PreTrainedTokenizerFast:
    return byte_level_tokenizer(
        CHATML, LINE_ENDS, eos_token="<|im_end|>", chat_template=template(name)
    )


def _qwen(name: str) -> PreTrainedTokenizerFast:
    return byte_level_tokenizer(
        CHATML, LINE_ENDS, PIECES, eos_token="<|im_end|>", chat_template=template(name)
    )


def _gemma_2(name: str) -> PreTrainedTokenizerFast:
    control = ["<unk>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
    runs = [AddedToken(run, special=False, normalized=False) for run in ("\n\n", "\n\n\n")]
    return metaspace_tokenizer("never", control, runs, chat_template=template(name))


def _phi_3(name: str) -> PreTrainedTokenizerFast:
    roles = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
    marks = [AddedToken(role, special=True, normalized=False, rstrip=True) for role in roles]
    control = ["<unk>", "<s>", "<|endoftext|>"]
    return metaspace_tokenizer("always", control, marks, chat_template=template(name))


_MODELS: dict[str, Callable[[str], PreTrainedTokenizerFast]] = {
    "mistral_v1": _sentencepiece,
    "mistral_v2": _sentencepiece,
    "mistral_v3": _mistral_v3,
    "mistral_nemo": _tekken,
    "llama_2": _sentencepiece,
    "llama_3": _llama_3,
    "llama_3_1": _llama_3,
    "llama_3_2": _llama_3,
    "zephyr": _sentencepiece,
    "tinyllama": _sentencepiece,
    "chatml": _chatml,
    "smollm2": _chatml,
    "qwen_2_5": _qwen,
    "gemma_2": _gemma_2,
    "phi_3": _phi_3,
}
NAMES = tuple(_MODELS)


def template(name: str) -> str:
    """The chat template of this model."""
    return (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")


@cache
def chat_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """The tokenizer of this model, one for all who ask: do not change it."""
    return _MODELS[name](name)


def decoded(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of one sequence of ids; transformers declares that it may also be a list."""
    text = tokenizer.decode(list(ids))
    assert isinstance(text, str)
    return text


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """The id of one token; transformers declares that it may also be a list."""
    id_ = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(id_, int)
    return id_
