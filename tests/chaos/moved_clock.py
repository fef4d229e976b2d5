"""Runs a module as a program on a machine whose clock can be set.

`python -m tests.chaos.moved_clock <file> <module> [arguments]`: the file holds seconds that are added to the time of
day (the monotonic clock goes on as it does on a real machine). A test may not set the clock that all others read.
"""

from __future__ import annotations

import runpy
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import dashboard.extensions
import worker.engine.clock


class MovedDatetime(datetime):
    """Stands in for `datetime` where the product asks for the time of day."""

    file = Path()

    @classmethod
    def now(cls, tz: tzinfo | None = UTC) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + timedelta(seconds=float(cls.file.read_text() or 0))


def main(file: str, module: str, *arguments: str) -> None:
    MovedDatetime.file = Path(file)
    for place in (dashboard.extensions, worker.engine.clock):
        place.datetime = MovedDatetime  # type: ignore[attr-defined]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
