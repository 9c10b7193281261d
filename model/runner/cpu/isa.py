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


def offset(isa: Isa | None, bits: int) -> int:
    """What is added to the levels of a matrix with codes of `bits` so that none is negative.

    0 where they stay signed: AVX2 multiplies levels without a sign, and adds products in pairs as
    int16. So 4-bit weights have levels up to 63 there, and those of 8 bits lend x their sign.
    """
    if isa is Isa.AVX2:
        return 64 if bits == 4 else 0
    return 128


def highest_level(isa: Isa | None, bits: int) -> int:
    """The largest level of a matrix with codes of `bits`."""
    return 63 if isa is Isa.AVX2 and bits == 4 else 127
