"""The memory of campaign workers over a million records; target: each under 200 MB at its peak."""

from __future__ import annotations

import time

from tests.bench import campaign_case, content, figures, smtp_tools
from tests.bench.installation import installation
from worker.queues import Queue

N = 1_000_000
SIZE = 2_048
DATABASES = ("sqlite",)


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """The peak of the largest worker after a tenth of the campaign and at its end: it must not grow on the way."""
    with smtp_tools.sink() as port, installation(database) as desk:
        template, version = content.make_template(size)
        provider, dataset = content.make_provider(port), content.make_dataset(n)
        desk.start_workers(Queue.BULK, processes=2)
        campaign_case.wait(content.launch(template, version, content.make_dataset(max(1, n // 10)), provider).id)
        early = desk.peak_rss_mb
        started = time.perf_counter()
        campaign_case.wait(content.launch(template, version, dataset, provider).id, seconds=3600)
        per_second = n / (time.perf_counter() - started)
        figures.beside_target("peak of a worker", desk.peak_rss_mb, 200, at_most=True, unit=" MB")
        figures.beside_target("against its peak after a tenth", desk.peak_rss_mb / early, 1.1, at_most=True)
        return {
            "n": n, "size": size, "per_second": round(per_second), "early_peak_rss_mb": round(early, 1),
            "peak_rss_mb": round(desk.peak_rss_mb, 1), "reference": "200 MB", "reference_per_second": None,
            "ratio": round(desk.peak_rss_mb / 200, 2),
        }  # fmt: skip
