"""A figure beside its target, and the processor time that stands behind it."""

from __future__ import annotations

import contextlib
from pathlib import Path

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


class Spent:
    """The processor time of everything that works in an installation of ours, since this object was made.

    `others`: name -> what stands in the command line of another program that does.
    """

    def __init__(self, var_dir: Path, **others: str) -> None:
        self._postgres = var_dir / "postgres" / "postmaster.pid"
        self._others = others
        self._before = self._now()

    def by_program(self, n: int) -> dict[str, float]:
        """Program -> µs for each of n messages or rows."""
        return {name: (after - self._before[name]) / n * 1e6 for name, after in self._now().items()}

    def _now(self) -> dict[str, float]:
        now = {"workers": cpu_seconds("worker.entrypoint", "multiprocessing")}
        now |= {name: cpu_seconds(words) for name, words in self._others.items()}
        if self._postgres.exists():  # it is no child of ours
            now["postgres"] = cpu_seconds("postgres", below=int(self._postgres.read_text().split()[0]))
        return now


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
