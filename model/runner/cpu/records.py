"""The records that the compiled step reads: sizes, and addresses of tensors as numbers."""

import numpy as np

_SIZES = "tokens picked layers hidden heads kv_heads head_dim inter slots adapted"
_WEIGHTS = "matrices norms final_norm table cos sin low_ranks"
_BUFFERS = "cache x y values codes scales starts low low_stride scores scores_stride logits"
_TOKENS = "position slot row_start adapter pick"


def _numbers(names: str) -> list[tuple[str, type[np.int64]]]:
    return [(name, np.int64) for name in names.split()]


# One matrix: `bits` a code, `blocks` of inputs, `tiles` of outputs; `bias` is 0 where it has none.
MATRIX = np.dtype(_numbers("codes scales bias blocks tiles bits"))

# One adapter's part in one matrix, rank 0 where it has none. Outputs `first` and `second` begin
# its second and third linear.
LOW_RANK = np.dtype(_numbers("a b rank linears first second"))

STEP = np.dtype([("eps", np.float64), *_numbers(" ".join((_SIZES, _WEIGHTS, _BUFFERS, _TOKENS)))])
