"""Triton, where it is installed: a GPU's torch brings it along, a CPU's does not."""

from typing import Any, TypeAlias, cast

try:
    import triton  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
    import triton.language as language  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
except ImportError:
    triton = language = None

# The language that kernels are written in, None without Triton.
tl = cast("Any", language)
# How a kernel's parameters are annotated, in quotes, as Triton wants it: a tensor, a number, and a
# number that is known when the kernel is compiled.
Pointer: TypeAlias = Any
Number: TypeAlias = Any
constexpr: TypeAlias = Any


def jit(kernel: Any) -> Any:  # noqa: ANN401 - Triton is not typed
    """Make a function a Triton kernel, to be launched as `kernel[grid](...)`."""
    return cast("Any", triton).jit(kernel) if tl else kernel


def cdiv(total: int, part: int) -> int:
    """How many parts cover the total."""
    return -(-total // part)


def power_of_two(least: int) -> int:
    """The smallest power of two that is not below `least`; Triton's tiles must have such sides."""
    return 1 << (least - 1).bit_length()
