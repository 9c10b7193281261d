"""A random-weight Mistral-7B with an adapter, for benches on a GPU: no hub is needed."""

import gc
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from model.loading.adapters import Adapter, load_adapter
from model.loading.base import ResolvedBase, no_progress, resolve_base
from model.loading.quantised import check_architecture, load_quantised
from tests.fakes.tiny_model import LINEARS, TEMPLATE

VOCABULARY = 32_000


def make_base(folder: Path, layers: int = 32) -> None:
    """A random Mistral-7B, or a shorter one, with a tokenizer."""
    torch.manual_seed(0)
    config = MistralConfig(num_hidden_layers=layers, dtype=torch.bfloat16, sliding_window=None)
    with torch.device("cuda"):
        previous = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        model = MistralForCausalLM(config)
        torch.set_default_dtype(previous)
    model.save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)


def word_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that gives every id of the model a text: bytes, and words of four letters."""
    control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    texts = [*control, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = ("Ġ" + "".join(letters) for letters in product(ascii_lowercase, repeat=4))
    texts += islice(words, VOCABULARY - len(texts))
    tokenizer = Tokenizer(BPE(vocab={text: id_ for id_, text in enumerate(texts)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        extra_special_tokens=control[:2],
        chat_template=TEMPLATE,
    )


def make_adapter(model: torch.nn.Module, folder: Path) -> PeftModel:
    """A random r16 adapter on all linears, saved, and the model with it."""
    adapted = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=LINEARS))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.02)
    adapted.save_pretrained(str(folder))
    return adapted.eval()


def prepare(folder: Path) -> tuple[ResolvedBase, Adapter]:
    """The base `folder/base` and the adapter `folder/adapter`, made where they are not."""
    if not (folder / "base").exists():
        make_base(folder / "base")
    base = resolve_base(str(folder / "base"), folder, no_progress)
    if not (folder / "adapter").exists():
        model, _ = load_quantised(base, compute_dtype=torch.bfloat16, trainable=False)
        make_adapter(model, folder / "adapter")
        del model
        gc.collect()  # peft's models hold themselves
        torch.cuda.empty_cache()
    config = check_architecture(base)
    return base, load_adapter("tuned", str(folder / "adapter"), base, config, no_progress)
