"""From the launch of a campaign to its first message at the provider; target: under 1 s for a million recipients."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from dashboard.jobs.services import cancel_job
from tests.bench import campaign_case, content, figures, smtp_tools
from tests.bench.installation import installation
from worker.queues import Queue

N = 1_000_000
SIZE = 10_240
_TIMES = 5


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Seconds, the median and the worst of five launches; each is cancelled after its first message."""
    with smtp_tools.slow_sink(0, log=True) as (port, log), installation(database) as desk:
        template, version = content.make_template(size)
        provider = content.make_provider(port)
        dataset, warm_up = content.make_dataset(n), content.make_dataset(50)
        desk.start_workers(Queue.BULK, processes=2)
        desk.start_workers(Queue.PERIODIC, processes=1)
        campaign_case.wait(content.launch(template, version, warm_up, provider).id)
        seconds = []
        for _ in range(_TIMES):
            seen = log.stat().st_size
            started = time.monotonic()
            job = content.launch(template, version, dataset, provider)
            seconds.append(_first_line(log, seen) - started)
            cancel_job(job_id=job.id)
            _settle(log)
        figures.beside_target("launch to first message, median", median(seconds), 1.0, at_most=True, unit=" s")
        return {
            "n": n, "size": size, "seconds": round(median(seconds), 3), "worst_seconds": round(max(seconds), 3),
            "per_second": round(1 / median(seconds), 2), "reference": "1 s", "reference_per_second": 1,
            "ratio": round(1 / median(seconds), 2), "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip


def _first_line(log: Path, seen: int) -> float:
    """The moment (monotonic clock) of the first message after that place in the log; waits a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with log.open(encoding="utf-8") as file:
            file.seek(seen)
            line = file.readline()
        if line.endswith("\n"):
            return float(line.split("\t")[0])
        time.sleep(0.005)
    raise SystemExit("no message came within a minute")


def _settle(log: Path) -> None:
    """Until nothing has come for a second."""
    size = -1
    while log.stat().st_size != size:
        size = log.stat().st_size
        time.sleep(1)
