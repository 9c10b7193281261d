"""What peft's `adapter_config.json` says, and which kinds of it are served."""

import math
import re

from pydantic import BaseModel, ConfigDict, field_validator

# Kinds of LoRA with another formula, and initialisations that change the base's own weights.
_OTHER_KINDS = (
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "lora_bias",
    "fan_in_fan_out",
    "layer_replication",
)
_OTHER_STARTS = ("pissa", "olora", "corda", "loftq", "lora_ga")


class PeftConfig(BaseModel):
    """The fields of peft's `adapter_config.json` that serving reads."""

    model_config = ConfigDict(extra="allow", frozen=True)

    peft_type: str
    r: int
    lora_alpha: float
    use_rslora: bool | None = False
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}
    bias: str = "none"
    init_lora_weights: bool | str | None = True

    @field_validator("rank_pattern", "alpha_pattern", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return {} if value is None else value  # peft writes and reads both

    @field_validator("alpha_pattern")
    @classmethod
    def _patterns(cls, value: dict[str, float]) -> dict[str, float]:
        for pattern in value:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return value

    def scaling(self, module: str, rank: int) -> float:
        """The factor of B·A for the module of this name: alpha / rank; rsLoRA: alpha / √rank."""
        alpha = next(
            (
                value
                for key, value in self.alpha_pattern.items()
                if re.match(rf"(.*\.)?({key})$", module)
            ),
            self.lora_alpha,
        )
        return alpha / math.sqrt(rank) if self.use_rslora else alpha / rank

    def unsupported(self) -> str | None:
        """What this adapter needs and the worker does not support, in words; None: nothing."""
        if self.peft_type != "LORA":
            return f"peft_type {self.peft_type!r} (only 'LORA')"
        if self.bias != "none":
            return f"bias {self.bias!r} (only 'none')"
        if str(self.init_lora_weights).lower().startswith(_OTHER_STARTS):
            return f"the base changed by {self.init_lora_weights!r} (save it as plain LoRA)"
        return next((kind for kind in _OTHER_KINDS if (self.model_extra or {}).get(kind)), None)
