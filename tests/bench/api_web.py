"""The web process of the API case, its clients, and how their requests are timed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.bench import figures
from tests.bench.installation import ROOT, Installation
from worker.processes import web_process

CONNECTIONS = 4


@contextmanager
def web_process_of(desk: Installation) -> Iterator[tuple[str, int]]:
    """The web process as the supervisor starts it; gives its address and its process id."""
    process = web_process(desk.settings)
    command = (sys.executable, "-m", process.module, *process.arguments)
    environment = {**desk.environment, **process.environment}
    running = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)
    address = f"http://127.0.0.1:{desk.settings.port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/healthz", trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield address, running.pid
    finally:
        running.terminate()
        running.wait(20)


def client_of(address: str, token: str) -> httpx.Client:
    """A client with the key, on one connection."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60)


def timed(action: Callable[[], None]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_turn(first: Callable[[], None], second: Callable[[], None], n: int) -> tuple[list[float], list[float]]:
    """Seconds of each of n calls of both, one after the other."""
    pairs = [(timed(first), timed(second)) for _ in range(n)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def rate(address: str, token: str, ask: Callable[[httpx.Client], None], n: int) -> float:
    """Requests a second of CONNECTIONS clients that ask one after the other."""

    def loop(count: int) -> None:
        with client_of(address, token) as client:
            for _ in range(count):
                ask(client)

    threads = [threading.Thread(target=loop, args=(n // CONNECTIONS,)) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return n // CONNECTIONS * CONNECTIONS / (time.perf_counter() - started)


def percentiles(seconds: list[float]) -> dict[str, Any]:
    """p50, p95 and p99 in milliseconds."""
    shares = (50, 95, 99)
    return {f"p{share}_ms": round(1000 * figures.percentile(seconds, share / 100), 2) for share in shares}
