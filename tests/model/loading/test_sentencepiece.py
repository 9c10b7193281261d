"""A folder whose only tokenizer is SentencePiece's own file, as many older Llamas have."""

import json
from pathlib import Path

import pytest
import torch

from model.loading.base import no_progress, resolve_base
from model.loading.quantised import load_quantised
from model.text.codec import ChatTurn
from model.text.tokenizer_codec import TokenizerCodec
from tests.fakes.tiny_model import make_tiny

sentencepiece = pytest.importorskip("sentencepiece")
TOLD = {
    "tokenizer_class": "LlamaTokenizer",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "chat_template": "{% for m in messages %}{{ bos_token }}hello {{ m.content }}\n{% endfor %}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = make_tiny(tmp_path_factory.mktemp("spm") / "tiny", vocab_size=400)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (folder / name).unlink(missing_ok=True)
    lines = folder.parent / "lines.txt"
    lines.write_text("\n".join(f"hello world, the quick brown fox {i}" for i in range(200)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=380,
        model_type="bpe",
        byte_fallback=True,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(TOLD))
    return folder


@pytest.mark.parametrize("text", ["the quick brown fox", "hello  world", "é 日本", "x = [1]\n\ty"])
def test_it_gives_sentencepieces_own_ids(folder, text):
    base = resolve_base(str(folder), folder, no_progress)
    _, tokenizer = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    own = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == own.encode(text)
    ids = TokenizerCodec(tokenizer, rows=400).encode_chat([ChatTurn("user", text)])
    assert ids[0] == tokenizer.bos_token_id
    assert text in str(tokenizer.decode(ids))
