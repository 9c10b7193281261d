"""Loads a base model in 4 bits with transformers and bitsandbytes, to serve or to train it."""

from typing import cast

import torch
from bitsandbytes.functional import QuantState
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from model.errors import ConfigError, UnsupportedArchitecture
from model.loading.architectures import refusal
from model.loading.base import ResolvedBase
from model.loading.prequantised import is_prequantised, quantisation_refusal
from model.loading.vocabulary import check_vocabulary


def default_device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_quantised(
    base: ResolvedBase,
    *,
    compute_dtype: torch.dtype,
    trainable: bool,
    device: torch.device | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load `base` in NF4 with double quantisation, and its tokenizer.

    A folder in bitsandbytes' 4 bits is loaded as it is: its kind of 4 bits, and its layers that
    were left in 16 bits.

    With `trainable`, bitsandbytes' packed CPU kernel is switched off: it repacks the weights at
    the first forward pass in eval mode and has no gradient, so training would go on with wrong
    gradients. Raises UnsupportedArchitecture or ConfigError, one line each.
    """
    config = check_architecture(base)
    _check_format(base)
    disable_progress_bar()
    own = {} if is_prequantised(config.to_dict()) else {"quantization_config": _nf4(compute_dtype)}
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=compute_dtype,
            device_map={"": device or default_device()},
            output_loading_info=True,
            use_safetensors=True,
            **own,
        )
        model, told = cast("tuple[PreTrainedModel, dict[str, set[str]]]", loaded)
        tokenizer = AutoTokenizer.from_pretrained(base.folder)
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ConfigError(
            f"{base.id} in {base.folder} does not load: {first_line(error)}"
        ) from error
    if missing := sorted(told["missing_keys"]):  # transformers would make random ones
        raise ConfigError(f"{base.id} in {base.folder} lacks weights: {missing[0]} and others")
    if (misfit := _misfit(model)) is not None:
        raise ConfigError(
            f"{base.id} in {base.folder}: {misfit} is not as large as config.json says"
        )
    check_vocabulary(
        base.id, tokenizer, len(cast("torch.Tensor", model.get_input_embeddings().weight))
    )
    if trainable:
        switch_off_packed_kernel(model)
    return model, tokenizer


def _nf4(compute_dtype: torch.dtype) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_dtype,
    )


def _check_format(base: ResolvedBase) -> None:
    """Refuse a folder whose only weights are pickled: loading these can run any program."""
    folder = base.folder
    if not any(folder.glob("*.safetensors")) and any(folder.glob("*.bin")):
        raise ConfigError(
            f"{base.id} in {folder} has .bin weights only; safetensors are taken. Convert them: "
            "load the folder with transformers' AutoModelForCausalLM.from_pretrained, write a new "
            "one with save_pretrained, and copy the tokenizer's files to it"
        )


def _misfit(model: torch.nn.Module) -> str | None:
    """The name of a 4-bit layer whose size is not the configured one; None where all fit.

    transformers checks the sizes of all other layers, but not of these.
    """
    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            state = cast("QuantState", cast("Params4bit", module.weight).quant_state)
            if state.shape != (module.out_features, module.in_features):
                return name
    return None


def check_architecture(base: ResolvedBase) -> PretrainedConfig:
    """Read the model's config.

    Raises ConfigError when it cannot be read or says that the weights are quantised in a way that
    does not run here, UnsupportedArchitecture when such a model does not run here.
    """
    try:
        config = AutoConfig.from_pretrained(base.folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, StrictDataclassError) as error:
        raise ConfigError(f"{base.id}: config.json is not usable: {first_line(error)}") from error
    if (reason := refusal(base.id, config.to_dict())) is not None:
        raise UnsupportedArchitecture(reason)
    if (reason := quantisation_refusal(base.id, config.to_dict())) is not None:
        raise ConfigError(reason)
    return config


def switch_off_packed_kernel(model: torch.nn.Module) -> None:
    """Make every 4-bit layer use kernels that have a gradient and whose result for a row does not
    depend on the other rows.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that a tensor found no room."""
    # On a CPU, torch has no class of its own for it.
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "can't allocate memory" in str(error)


def first_line(error: Exception) -> str:
    """The first line of an error's text, with the second where the first ends with a colon.

    The name of the error's class where it has no text.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    announces = lines[:1] and lines[0].endswith(":")
    return " ".join(lines[: 2 if announces else 1]) or type(error).__name__
