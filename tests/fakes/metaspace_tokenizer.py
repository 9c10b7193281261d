"""A small SentencePiece-like tokenizer, with Mistral's control tokens and template unless told."""

from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

CONTROL = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if m['role'] == 'user' %}[INST] {{ m['content'] }}[/INST]"
    "{% else %} {{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)
_MERGES = [
    *(("▁", "h"), ("▁h", "i"), ("▁", "<"), ("▁", "s"), ("▁", "["), ("▁", "I"), ("▁", "/")),
    *(("t", "h"), ("▁", "th"), ("▁th", "e"), ("e", "r"), ("▁", "b"), ("▁", "▁"), ("<", "/")),
]


def metaspace_tokenizer(
    spaces: str = "first",
    control: Sequence[str] = CONTROL,
    added: Sequence[AddedToken] = (),
    **options: str,
) -> PreTrainedTokenizerFast:
    """Spaces as ▁, unknown characters as bytes.

    A space is put before the text (`first`, Mistral v0.3), before every piece between control
    tokens (`always`, Llama 2 and Mistral v0.1), or nowhere (`never`, Gemma). `control` begins with
    the tokens for unknown, begin and end; `added` are further tokens with flags of their own, and
    `options` go to the tokenizer in place of its own (`eos_token`, `chat_template`).
    """
    letters = "abcdefghijklmnopqrstuvwxyzINSTOP0123456789</>[]|_.,!?"
    names = [*control, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *letters]
    names += [left + right for left, right in _MERGES]
    vocab = {name: id_ for id_, name in enumerate(names)}
    tokenizer = Tokenizer(
        BPE(vocab, _MERGES, unk_token=control[0], byte_fallback=True, fuse_unk=True)
    )
    if spaces == "first":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        steps: list[normalizers.Normalizer] = [normalizers.Replace(" ", "▁")]
        if spaces == "always":
            steps.insert(0, normalizers.Prepend("▁"))
        tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in control]
    )
    tokenizer.add_tokens(list(added))
    names_of = {"unk_token": control[0], "bos_token": control[1], "eos_token": control[2]}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **{**names_of, "chat_template": TEMPLATE, **options}
    )
