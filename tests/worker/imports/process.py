"""A worker of its own for one import: `python -m tests.worker.imports.process <var_dir> <import id> check|load|both`.

At its end it prints the peak of its memory in MiB.
"""

# ruff: noqa: E402 - what is kept out has to be named before the imports

from __future__ import annotations

import sys
from pathlib import Path

# structlog takes it where it finds it. Only environments with the tests have it, and 6.6 MiB are no worker's.
sys.modules["rich"] = None  # type: ignore[assignment]

from dashboard import create_app
from dashboard.audiences.import_services import start_load
from dashboard.settings import Settings
from worker.broker import IN_MEMORY
from worker.imports.checking import Pace, run_check
from worker.imports.loading import LoadPace, run_load


def peak() -> float:
    """The most memory this process has had (its parent's does not count, as it would in ru_maxrss)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def main(var_dir: str, import_id: str, what: str) -> None:
    settings = Settings(var_dir=Path(var_dir), redis_url=IN_MEMORY, secret_key="for tests " * 4, lease_seconds=2)
    with create_app(settings).app_context():
        identifier = int(import_id)
        if what == "both":
            while not run_check(identifier):
                pass
            start_load(import_id=identifier)
            while not run_load(identifier):
                pass
        elif what == "check":
            run_check(identifier, Pace(checkpoint_seconds=0))
        else:
            run_load(identifier, LoadPace(batch=500))
    sys.stdout.write(f"{peak():.1f}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
