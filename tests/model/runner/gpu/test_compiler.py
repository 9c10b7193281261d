"""Kernels are compiled once and kept; what cannot be had is said in one line."""

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from model.loading.base import resolve_base
from model.loading.quantised import load_quantised
from model.runner.gpu import choice, compiler
from model.runner.gpu.compiler import KernelError, check_device, compile_only
from model.runner.gpu.tiled_weights import is_tiled
from model.runner.weights import Compute
from tests.fakes.settings import worker_settings
from tests.fakes.tiny_model import make_tiny


class Result(int):
    """An error code with a name, as the bindings return."""

    name = "SOME_ERROR"


class Compiler(types.ModuleType):
    """NVRTC's functions as far as they are used; `freed` counts the sources given back."""

    def __init__(self) -> None:
        super().__init__("cuda.bindings.nvrtc")
        self.programs: list[tuple[bytes, bytes]] = []
        self.options: list[list[bytes]] = []
        self.freed = 0
        self.version: tuple[int, int] = (13, 0)
        self.broken = False

    def nvrtcVersion(self) -> tuple[Result, int, int]:  # noqa: N802 - NVRTC's name
        return Result(0), *self.version

    def nvrtcCreateProgram(self, text: bytes, name: bytes, count: int, headers: Any, names: Any):  # noqa: N802
        assert (count, names) == (1, [b"fragments.cuh"])
        self.programs.append((name, text))
        return Result(0), len(self.programs)

    def nvrtcCompileProgram(self, program: int, count: int, options: list[bytes]):  # noqa: N802
        assert count == len(options)
        self.options.append(options)
        return (Result(6 if self.broken else 0),)

    def nvrtcGetProgramLogSize(self, program: int) -> tuple[Result, int]:  # noqa: N802
        return Result(0), 20

    def nvrtcGetProgramLog(self, program: int, log: bytes) -> tuple[Result]:  # noqa: N802
        return (Result(0),)

    def nvrtcGetCUBINSize(self, program: int) -> tuple[Result, int]:  # noqa: N802
        return Result(0), 3

    def nvrtcGetCUBIN(self, program: int, binary: bytes) -> tuple[Result]:  # noqa: N802
        return (Result(0),)

    def nvrtcDestroyProgram(self, program: int) -> None:  # noqa: N802
        self.freed += 1


class Driver(types.ModuleType):
    """The driver's functions that load a kernel; `damaged` binaries are refused."""

    def __init__(self) -> None:
        super().__init__("cuda.bindings.driver")
        self.damaged = b"damaged"

    def cuModuleLoadData(self, binary: bytes) -> tuple[Result, bytes]:  # noqa: N802
        return Result(binary == self.damaged), binary

    def cuModuleGetFunction(self, module: bytes, name: bytes) -> tuple[Result, bytes]:  # noqa: N802
        return Result(0), name


@pytest.fixture
def nvrtc(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    """A GPU's machine as far as compiling goes."""
    made = Compiler()
    for name in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvrtc", made)
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", Driver())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    clear()
    yield made
    clear()


def clear() -> None:
    for cached in (compiler._bindings, compiler._module):
        cached.cache_clear()


def test_a_kernel_is_compiled_once_and_kept(nvrtc: Compiler, tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    first = compile_only("ends", folder, COLUMNS=1)
    assert compile_only("ends", folder, COLUMNS=1) == first
    assert [name for name, _ in nvrtc.programs] == [b"ends.cu"]
    assert {b"--gpu-architecture=sm_89", b"-DCOLUMNS=1"} <= set(nvrtc.options[0])
    assert list(folder.iterdir()) == [first]
    assert nvrtc.freed == 1


def test_other_macros_another_card_or_compiler_are_compiled_anew(
    nvrtc: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {compile_only("ends", tmp_path, COLUMNS=1), compile_only("ends", tmp_path, COLUMNS=2)}
    nvrtc.version = (13, 1)
    paths.add(compile_only("ends", tmp_path, COLUMNS=1))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    paths.add(compile_only("ends", tmp_path, COLUMNS=1))
    assert len(paths) == len(nvrtc.programs) == 4


def test_a_kernel_that_does_not_compile_is_an_error_and_is_not_kept(
    nvrtc: Compiler, tmp_path: Path
) -> None:
    nvrtc.broken = True
    with pytest.raises(KernelError, match=r"ends\.cu"):
        compile_only("ends", tmp_path, COLUMNS=1)
    assert not list(tmp_path.iterdir())
    assert nvrtc.freed == 1


def test_a_damaged_binary_is_compiled_again(nvrtc: Compiler, tmp_path: Path) -> None:
    path = compile_only("ends", tmp_path, COLUMNS=1)
    path.write_bytes(b"damaged")
    kernel = compiler.compiled("ends", "embed", tmp_path, COLUMNS=1)
    assert kernel.function == b"embed"
    assert path.read_bytes() != b"damaged"
    assert len(nvrtc.programs) == 2


def test_a_folder_that_keeps_nothing_is_an_error(nvrtc: Compiler, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KernelError, match="cannot keep compiled kernels"):
        compile_only("ends", tmp_path / "file", COLUMNS=1)


def test_an_older_card_has_no_kernels(nvrtc: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    check_device()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    with pytest.raises(KernelError, match=r"a card is older than compute capability 8\.0"):
        check_device()


def test_without_bindings_there_are_no_kernels(
    nvrtc: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", None)
    with pytest.raises(KernelError, match="cuda-bindings is not installed"):
        check_device()


def test_bindings_without_their_library_are_an_error(
    nvrtc: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError("libnvrtc.so.13 was not found")

    monkeypatch.setattr(nvrtc, "nvrtcVersion", fails)
    with pytest.raises(KernelError, match="NVRTC cannot be used: libnvrtc"):
        compile_only("ends", tmp_path, COLUMNS=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = make_tiny(tmp_path_factory.mktemp("models") / "tiny")
    base = resolve_base(str(folder), folder, lambda *_: None)
    model, _ = load_quantised(base, compute_dtype=torch.float32, trainable=False)
    return model


@pytest.mark.skipif(torch.cuda.is_available(), reason="models load onto the GPU here")
def test_a_cpu_tries_no_kernel(tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = choice.choose_weights(
        tiny, Compute.NF4, 64, worker_settings(gpu_compute="tiled", fungpt_home=tmp_path), 32
    )
    assert not is_tiled(weights)
    assert caplog.messages == []


@pytest.mark.parametrize("lacks", ["a GPU", "sizes"])
def test_a_gpu_without_kernels_says_why_in_one_line_and_keeps_its_weights(
    lacks: str, tiny: Any, nvrtc: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(type(tiny), "device", property(lambda _: torch.device("cuda")))
    if lacks == "a GPU":
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    taken: list[Compute] = []
    monkeypatch.setattr(choice, "take_weights", lambda _, compute, __: taken.append(compute))
    choice.choose_weights(
        tiny, Compute.NF4, 64, worker_settings(gpu_compute="tiled", fungpt_home=tmp_path), 32
    )
    assert taken == [Compute.NF4]
    reason = "torch finds no GPU" if lacks == "a GPU" else "attention heads of 16 dimensions"
    assert [reason in line and "\n" not in line for line in caplog.messages] == [True]
