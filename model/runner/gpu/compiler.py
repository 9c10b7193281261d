"""Kernels compiled at run time by NVRTC, so that nobody needs a compiler, and kept on disk."""

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch

try:
    from cuda.bindings import driver as _driver  # pyright: ignore[reportMissingImports]
    from cuda.bindings import nvrtc as _nvrtc  # pyright: ignore[reportMissingImports]
except ImportError:  # a CPU's torch does not bring them along
    _driver = _nvrtc = None

driver, nvrtc = cast("Any", _driver), cast("Any", _nvrtc)

_SOURCES = Path(__file__).parent / "kernels"
_HEADER = "fragments.cuh"


class KernelError(RuntimeError):
    """A kernel could not be compiled, loaded or started; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compiled kernel, ready to be launched on this process's device."""

    name: str
    function: Any
    shared_bytes: int

    def launch(self, grid: Sequence[int], threads: int, *arguments: Any) -> None:  # noqa: ANN401 - ctypes' values
        """Start it on torch's current stream; the arguments are ctypes values in their order."""
        addresses = (ctypes.c_void_p * len(arguments))(
            *(ctypes.addressof(argument) for argument in arguments)
        )
        x, y, z = (*grid, 1, 1)[:3]
        stream = torch.cuda.current_stream().cuda_stream
        _checked(
            driver.cuLaunchKernel(
                self.function, x, y, z, threads, 1, 1, self.shared_bytes, stream,
                ctypes.addressof(addresses), 0,
            ),
            self.name,
        )  # fmt: skip

    def resident(self, threads: int) -> int:
        """How many blocks of so many threads one multiprocessor runs at once."""
        occupancy = driver.cuOccupancyMaxActiveBlocksPerMultiprocessor
        return _checked(occupancy(self.function, threads, self.shared_bytes), self.name)


def available() -> bool:
    """Whether kernels can be compiled here: a GPU of compute capability 8.0 or later, and NVRTC."""
    return (
        nvrtc is not None
        and torch.cuda.is_available()
        and torch.cuda.get_device_capability() >= (8, 0)
    )


def compiled(source: str, name: str, folder: Path, shared_bytes: int = 0, **defines: int) -> Kernel:
    """Compile `kernels/<source>.cu` with these macros and load its kernel `name`.

    The binary is kept in `folder` under a hash of everything that it depends on.
    """
    module = _module(source, folder, tuple(sorted(defines.items())))
    function = _checked(driver.cuModuleGetFunction(module, name.encode()), name)
    if shared_bytes > 48 * 1024:
        limit = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        _checked(driver.cuFuncSetAttribute(function, limit, shared_bytes), name)
    return Kernel(name, function, shared_bytes)


@cache
def _module(source: str, folder: Path, defines: tuple[tuple[str, int], ...]) -> Any:  # noqa: ANN401 - a driver's handle
    torch.cuda.synchronize()  # makes the device's context
    binary = compile_only(source, folder, **dict(defines)).read_bytes()
    return _checked(driver.cuModuleLoadData(binary), source)


def compile_only(source: str, folder: Path, **defines: int) -> Path:
    """Compile `kernels/<source>.cu` where it is not kept yet; any thread may call this."""
    text = (_SOURCES / f"{source}.cu").read_bytes()
    header = (_SOURCES / _HEADER).read_bytes()
    major, minor = torch.cuda.get_device_capability()
    options = [
        f"--gpu-architecture=sm_{major}{minor}",
        "--std=c++17",
        "-default-device",
        *(f"-D{key}={value}" for key, value in sorted(defines.items())),
    ]
    version = _checked(nvrtc.nvrtcVersion(), "NVRTC")
    digest = hashlib.sha256(repr((version, options)).encode() + header + text).hexdigest()
    path = folder / f"{source}-{digest[:16]}.cubin"
    if not path.exists():
        _keep(path, _compile(source, text, header, options))
    return path


def _compile(source: str, text: bytes, header: bytes, options: list[str]) -> bytes:
    made = nvrtc.nvrtcCreateProgram(text, f"{source}.cu".encode(), 1, [header], [_HEADER.encode()])
    program = _checked(made, source)
    (result,) = nvrtc.nvrtcCompileProgram(
        program, len(options), [option.encode() for option in options]
    )
    if int(result) != 0:
        log = b" " * _checked(nvrtc.nvrtcGetProgramLogSize(program), source)
        _checked(nvrtc.nvrtcGetProgramLog(program, log), source)
        raise KernelError(f"{source}.cu: {log.decode(errors='replace').strip()}")
    binary = b" " * _checked(nvrtc.nvrtcGetCUBINSize(program), source)
    _checked(nvrtc.nvrtcGetCUBIN(program, binary), source)
    return binary


def _keep(path: Path, binary: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(binary)
    Path(name).replace(path)


def _checked(result: tuple[Any, ...], what: str) -> Any:  # noqa: ANN401 - the library's own values
    error, *values = result
    if int(error) != 0:
        raise KernelError(f"{what}: {error.name}")
    return values[0] if values else None
