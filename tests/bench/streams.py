"""A client of many streams at once, cheap enough for thousands of chunks a second.

`python -m tests.bench.streams PORT COUNT TOKENS VARIANT…` asks for COUNT answers at once and prints
JSON: for each stream the times (of the machine's monotonic clock) and sizes of its deltas, and its
token counts. Several such processes together are what a worker's clients are.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice

PROMPT_CHARACTERS = 285
SAMPLING = {"temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.05}
_MARK = b'"content":"'


@dataclass
class Stream:
    """When text came and how much, and how many tokens prompt and answer had."""

    times: list[float] = field(default_factory=list[float])
    characters: list[int] = field(default_factory=list[int])
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def tokens_between(self, begin: float, end: float) -> float:
        """The answer's tokens that came in a time, by the share of its characters."""
        inside = sum(
            size for at, size in zip(self.times, self.characters, strict=True) if begin < at <= end
        )
        return self.completion_tokens * inside / max(1, sum(self.characters))


async def stream(port: int, variant: str, tokens: int, seed: int) -> Stream:
    """Ask once, and note when what came."""
    letters = random.Random(seed).choices("abcdefghij klmnop", k=PROMPT_CHARACTERS)
    body = json.dumps({
        "model": variant, "messages": [{"role": "user", "content": "".join(letters)}],
        "stream": True, "stream_options": {"include_usage": True}, "max_tokens": tokens,
        "seed": seed, **SAMPLING,
    }).encode()  # fmt: skip
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    found = Stream()
    async for line in reader:
        if not line.startswith(b"data: "):
            continue
        if line.startswith(b"data: [DONE]"):
            break
        if (at := line.find(_MARK)) >= 0 and (size := line.index(b'"', at + len(_MARK)) - at) > 11:
            found.times.append(time.monotonic())
            found.characters.append(size - len(_MARK))
        elif b'"usage":{' in line:
            usage = json.loads(line[6:])["usage"]
            found.prompt_tokens = usage["prompt_tokens"]
            found.completion_tokens = usage["completion_tokens"]
    writer.close()
    return found


async def streams(port: int, count: int, tokens: int, variants: list[str]) -> list[Stream]:
    """That many streams at once, over the variants in turn."""
    named = islice(cycle(variants), count)
    return await asyncio.gather(
        *(stream(port, name, tokens, seed) for seed, name in enumerate(named))
    )


if __name__ == "__main__":
    port, count, tokens = map(int, sys.argv[1:4])
    print(json.dumps(list(map(asdict, asyncio.run(streams(port, count, tokens, sys.argv[4:]))))))
