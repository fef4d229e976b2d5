"""A figure beside its target, and the processor time that stands behind it."""

from __future__ import annotations

import contextlib

import psutil


def beside_target(name: str, value: float, target: float, *, at_most: bool = False, unit: str = "") -> bool:
    """Print a figure with its target and "meets" or "misses"; whether it meets it."""
    met = value <= target if at_most else value >= target
    bound = "at most" if at_most else "at least"
    print(
        f"  {name}: {value:,.3g}{unit} (target {bound} {target:,.3g}{unit}) {'meets' if met else 'MISSES'}", flush=True
    )
    return met


def cpu_seconds(*names: str, below: int | None = None) -> float:
    """Processor seconds so far of the processes below one (us) whose command line holds one of the names.

    A process that has ended is counted no more, so measure while all live.
    """
    total = 0.0
    for child in psutil.Process(below).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(name in " ".join(child.cmdline()) for name in names):
                total += sum(child.cpu_times()[:2])
    return total


def cpu_seconds_of(pid: int) -> float:
    """Processor seconds so far of a process and of those below it."""
    process = psutil.Process(pid)
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += sum(one.cpu_times()[:2])
    return total


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
