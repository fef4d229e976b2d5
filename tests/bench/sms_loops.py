"""Bare loops over the libraries that the adapters stand on: no ledger, no receipts, no templates."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from aiosmpplib import ESME, NPI, TON, PhoneNumber, SubmitSm
from aiosmpplib.hook import AbstractHook

#: As many calls side by side as the adapter has by default.
_CONNECTIONS = 10


def http(port: int, n: int, text: str, batch: int) -> float:
    """Texts a second of one httpx client in threads, so many texts in a call."""
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    with (
        httpx.Client(limits=limits, trust_env=False, timeout=30) as client,
        ThreadPoolExecutor(_CONNECTIONS) as threads,
    ):

        def call(first: int) -> int:
            numbers = range(first, min(n, first + batch))
            texts = [{"to": f"+9198{number:08d}", "text": f"Dear Ada{number:07d}, {text}"} for number in numbers]
            content = json.dumps({"messages": texts}).encode()
            answer = client.post(f"http://127.0.0.1:{port}/", content=content)
            return len(answer.raise_for_status().json()["results"])

        started = time.perf_counter()
        taken = sum(threads.map(call, range(0, n, batch)))
    return taken / (time.perf_counter() - started)


class _Counting(AbstractHook):  # type: ignore[misc]
    """Knows when the last answer has come."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.done = asyncio.Event()

    async def sending(self, *_: Any) -> None:
        """Nothing to note."""

    async def received(self, message: Any, *_: Any) -> None:
        """One answer less to wait for."""
        if type(message).__name__ == "SubmitSmResp":
            self.left -= 1
            if not self.left:
                self.done.set()

    async def send_error(self, *_: Any) -> None:
        """Would leave the loop waiting, and so be seen."""


async def smpp(port: int, n: int, text: str) -> float:
    """Texts a second of aiosmpplib's own client. Gives up after five minutes."""
    hook = _Counting(n)
    client = ESME("127.0.0.1", port, "bench", "secret", hook=hook, log_level="CRITICAL")
    running = asyncio.create_task(client.start())
    started = time.perf_counter()
    for number in range(n):
        await client.broker.enqueue(
            SubmitSm(
                short_message=f"Dear Ada{number:07d}, {text}",
                source=PhoneNumber("PARCEL", TON.ALPHANUMERIC),
                destination=PhoneNumber(f"9198{number:08d}", TON.INTERNATIONAL, NPI.ISDN),
                log_id=str(number),
            )
        )
    async with asyncio.timeout(300):
        await hook.done.wait()
    rate = n / (time.perf_counter() - started)
    await client.stop()
    await running
    return rate
