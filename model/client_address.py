"""The connection to a server at an address that a person wrote."""

import ipaddress
from urllib.parse import urlsplit

import openai

_ENDINGS = ("/chat/completions", "/v1")


def root_of(url: str) -> str:
    """The server's root, where people may have written an address below it."""
    root = url.rstrip("/")
    for ending in _ENDINGS:
        root = root.removesuffix(ending).rstrip("/")
    return root


def connection(
    root: str, api_key: str | None, connect_timeout_s: float, read_timeout_s: float
) -> openai.AsyncOpenAI:
    """The library's client for the server at `root`: tries once, follows no redirect."""
    return openai.AsyncOpenAI(
        api_key=api_key or "none",
        base_url=f"{root}/v1",
        max_retries=0,
        timeout=openai.Timeout(read_timeout_s, connect=connect_timeout_s),
        http_client=openai.DefaultAsyncHttpxClient(
            # a proxy from the environment does not reach a worker on this machine
            trust_env=not _is_local(root),
            # a redirected POST becomes a GET, and the key may go to somebody else
            follow_redirects=False,
        ),
    )


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
