"""Compiles the step for this processor, keeps what was compiled, and runs it on all threads."""

import ctypes
import logging
import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import torch

from model.runner.cpu.isa import Isa, instructions

log = logging.getLogger(__name__)

_PARALLEL = "GOMP_parallel"
_IN_PARALLEL = ("GOMP_barrier", "omp_get_thread_num", "omp_get_num_threads")


@cache
def openmp() -> ctypes.CDLL | None:
    """GNU's OpenMP, which torch computes with on Linux; None where it computes with another."""
    path = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        library = ctypes.CDLL(str(path))
        names = [getattr(library, name) for name in (_PARALLEL, *_IN_PARALLEL)]
    except (OSError, AttributeError):
        return None
    return library if names else None


@cache
def compiled_step() -> Callable[[int, int], None]:
    """The step: called with the address of its record and a number of threads.

    The first call compiles it, which takes some seconds, or reads what an earlier start compiled
    from the user's cache folder. `openmp` and `instructions` have to be there.
    """
    import llvmlite.binding as llvm
    from numba import cfunc, types
    from numba.core import config as settings

    library, config = openmp(), cast("Any", settings)
    for name in _IN_PARALLEL:
        llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
    folder = kept_in()
    config.CACHE_DIR = str(folder or "")
    if instructions() is Isa.AVX2:
        config.CPU_NAME, config.CPU_FEATURES = "haswell", _AVX2
    from model.runner.cpu.step import step

    compiled = cfunc(types.void(types.int64), cache=folder is not None)(step)
    parallel = getattr(library, _PARALLEL)
    parallel.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    parallel.restype = None

    def run(record: int, threads: int) -> None:
        parallel(compiled.address, record, threads, 0)

    return run


_AVX2 = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+popcnt,+sse4.2"


def kept_in() -> Path | None:
    """Where compiled code is kept, by a hash of its source; None where nothing can be written."""
    home = os.environ.get("XDG_CACHE_HOME")
    digest = sha256(f"{torch.__version__} {instructions()}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    folder = (Path(home) if home else Path.home() / ".cache") / "fungpt" / "kernels"
    folder /= digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.warning("compiled kernels are not kept, so each start takes longer: %s", error)
        return None
    return folder
