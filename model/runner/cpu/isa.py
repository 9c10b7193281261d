"""Which of the processor's instructions the kernels use; none where they cannot be compiled."""

from enum import StrEnum
from functools import cache
from importlib.util import find_spec

import torch


class Isa(StrEnum):
    """A set of instructions for products of bytes."""

    AVX512_VNNI = "avx512_vnni"
    AVX2 = "avx2"


@cache
def instructions() -> Isa | None:
    """The fastest set here; None on other processors, or where numba is not installed.

    `ATEN_CPU_CAPABILITY=avx2` in the environment holds for these kernels as for torch's.
    """
    if find_spec("numba") is None:
        return None
    import llvmlite.binding as llvm

    has, torch_uses = llvm.get_host_cpu_features(), torch.backends.cpu.get_cpu_capability()
    if torch_uses == "AVX512" and has.get("avx512vnni") and has.get("avx512bw"):
        return Isa.AVX512_VNNI
    if torch_uses in ("AVX512", "AVX2") and all(map(has.get, ("avx2", "fma", "f16c"))):
        return Isa.AVX2
    return None


def offset(isa: Isa | None) -> int:
    """What is added to a weight's level, -127 to 127, so that none is negative.

    0 where levels stay signed: AVX2 adds products in pairs as int16, which holds those of numbers
    up to 127 only, so x takes the weights' signs there.
    """
    return 0 if isa is Isa.AVX2 else 128
