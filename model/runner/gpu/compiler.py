"""Kernels compiled at run time by NVRTC, so that nobody needs a compiler, and kept on disk."""

import ctypes
import hashlib
import importlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

_SOURCES = Path(__file__).parent / "kernels"
_HEADER = "fragments.cuh"
_STATIC_SHARED = 48 * 1024  # more shared memory than this has to be asked for


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
            driver().cuLaunchKernel(
                self.function, x, y, z, threads, 1, 1, self.shared_bytes, stream,
                ctypes.addressof(addresses), 0,
            ),
            self.name,
        )  # fmt: skip

    def resident(self, threads: int) -> int:
        """How many blocks of so many threads one multiprocessor runs at once."""
        occupancy = driver().cuOccupancyMaxActiveBlocksPerMultiprocessor
        return _checked(occupancy(self.function, threads, self.shared_bytes), self.name)


def check_device() -> None:
    """Raise KernelError unless kernels can be compiled for a GPU here; the text says what lacks."""
    if not torch.cuda.is_available():
        raise KernelError("torch finds no GPU")
    if torch.cuda.get_device_capability() < (8, 0):
        raise KernelError(f"{torch.cuda.get_device_name()} is older than compute capability 8.0")
    nvrtc()
    driver()


def driver() -> Any:  # noqa: ANN401 - the bindings have no types
    """CUDA's driver; raises KernelError where its bindings are not installed."""
    return _bindings("driver")


def nvrtc() -> Any:  # noqa: ANN401
    """CUDA's run-time compiler; raises KernelError where its bindings are not installed."""
    return _bindings("nvrtc")


@cache
def _bindings(name: str) -> Any:  # noqa: ANN401
    # torch's CUDA build depends on cuda-bindings itself, a CPU's torch does not: so it is no
    # dependency of ours, and is imported only when a GPU's kernel is wanted.
    try:
        return importlib.import_module(f"cuda.bindings.{name}")
    except ImportError as error:
        raise KernelError(f"cuda-bindings is not installed: {error}") from error


def compiled(source: str, name: str, folder: Path, shared_bytes: int = 0, **defines: int) -> Kernel:
    """Compile `kernels/<source>.cu` with these macros and load its kernel `name`.

    The binary is kept in `folder` under a hash of everything that it depends on.
    """
    module = _module(source, folder, tuple(sorted(defines.items())))
    function = _checked(driver().cuModuleGetFunction(module, name.encode()), name)
    if shared_bytes > _STATIC_SHARED:
        limit = driver().CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        _checked(driver().cuFuncSetAttribute(function, limit, shared_bytes), name)
    return Kernel(name, function, shared_bytes)


@cache
def _module(source: str, folder: Path, defines: tuple[tuple[str, int], ...]) -> Any:  # noqa: ANN401 - a driver's handle
    torch.cuda.synchronize()  # makes the device's context
    path = compile_only(source, folder, **dict(defines))
    try:
        return _checked(driver().cuModuleLoadData(path.read_bytes()), source)
    except KernelError:
        path.unlink()  # it may be damaged: once more from the source
        path = compile_only(source, folder, **dict(defines))
        return _checked(driver().cuModuleLoadData(path.read_bytes()), source)


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
    digest = hashlib.sha256(repr((_version(), options)).encode() + header + text).hexdigest()
    path = folder / f"{source}-{digest[:16]}.cubin"
    if not path.exists():
        _keep(path, _compile(source, text, header, options))
    return path


def _version() -> tuple[int, int]:
    try:
        _, major, minor = nvrtc().nvrtcVersion()
    except RuntimeError as error:  # the bindings are there, the library that they open is not
        raise KernelError(f"NVRTC cannot be used: {error}") from error
    return major, minor


def _compile(source: str, text: bytes, header: bytes, options: list[str]) -> bytes:
    compiler = nvrtc()
    made = compiler.nvrtcCreateProgram(
        text, f"{source}.cu".encode(), 1, [header], [_HEADER.encode()]
    )
    program = _checked(made, source)
    try:
        encoded = [option.encode() for option in options]
        (result,) = compiler.nvrtcCompileProgram(program, len(encoded), encoded)
        if int(result) != 0:
            log = b" " * _checked(compiler.nvrtcGetProgramLogSize(program), source)
            _checked(compiler.nvrtcGetProgramLog(program, log), source)
            said = log.decode(errors="replace").strip(" \0\n")
            raise KernelError(f"{source}.cu: {said}")
        binary = b" " * _checked(compiler.nvrtcGetCUBINSize(program), source)
        _checked(compiler.nvrtcGetCUBIN(program, binary), source)
    finally:
        compiler.nvrtcDestroyProgram(program)
    return binary


def _keep(path: Path, binary: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(binary)
        Path(name).replace(path)
    except OSError as error:
        raise KernelError(f"{path.parent} cannot keep compiled kernels: {error}") from error


def _checked(result: tuple[Any, ...], what: str) -> Any:  # noqa: ANN401 - the library's own values
    error, *values = result
    if int(error) != 0:
        raise KernelError(f"{what}: {error.name}")
    return values[0] if values else None
