"""`make bench CASE=all`: every case with the sizes of the targets, in about half an hour of a quiet machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

#: Case and its environment, in the order of docs/benchmarks.md.
PROGRAMME: tuple[tuple[str, dict[str, str]], ...] = (
    ("campaign", {"N": "100000", "SIZE": "10240", "PEERS": "1"}),
    ("campaign", {"N": "100000", "SIZE": "2048"}),
    ("profile", {"N": "20000", "SIZE": "10240"}),
    ("memory", {"N": "1000000", "SIZE": "2048"}),
    ("latency", {}),
    ("launch", {"N": "1000000"}),
    ("lanes", {"N": "1000000"}),
    ("api", {"N": "1000"}),
    ("import", {"N": "1000000"}),
    ("import", {"N": "1000000", "PHONES": "1"}),
    ("sms", {"N": "100000", "DB": "sqlite"}),
    ("sms", {"N": "100000", "DB": "postgres"}),
)
_SECONDS = 900  # for one case, so that a case that hangs does not take the others with it


def run_all() -> None:
    """Run the programme; what fails says so and the rest goes on."""
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_machine()}", flush=True)
    for case, changes in PROGRAMME:
        told = " ".join(f"{name}={value}" for name, value in changes.items())
        started = time.perf_counter()
        print(f"\n$ make bench CASE={case} {told}".rstrip(), flush=True)
        command = [sys.executable, "-m", "tests.bench", case]
        try:
            done = subprocess.run(command, env={**os.environ, **changes}, check=False, timeout=_SECONDS).returncode
        except subprocess.TimeoutExpired:
            done = -1
        print(f"({time.perf_counter() - started:.0f} s{'' if done == 0 else ', FAILED'})", flush=True)


def _machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({model}), {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.system()}"
        f" {platform.release()}, Python {platform.python_version()}, load {load}"
    )
