"""A provider that takes 50 ms a message: messages a second by connections, and two workers against one."""

from __future__ import annotations

import time

from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.providers.models import Provider
from tests.bench import campaign_case, content, figures, smtp_tools
from tests.bench.installation import installation
from worker.queues import Queue

#: Messages at most in one measurement.
N = 4_000
SIZE = 2_048
MILLISECONDS = 50
_CONNECTIONS = (1, 2, 4, 8, 16, 32)


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """The rates; `per_second` and `ratio` are those of 32 connections against 32 times one round of 50 ms."""
    with smtp_tools.slow_sink(MILLISECONDS) as (port, _), installation(database, chunk_size=100) as desk:
        template, version = content.make_template(size)
        desk.start_workers(Queue.BULK, processes=1)
        rates = {}
        for connections in _CONNECTIONS:
            provider = content.make_provider(port, connections)
            rates[connections] = _rate((template, version), provider, min(n, 80 * connections))
            name = f"{connections} connections, {rates[connections]:.0f}/s, of as many times the rate of one"
            figures.beside_target(name, rates[connections] / connections / rates[1], 0.9)
        provider = content.make_provider(port, 8)
        desk.start_workers(Queue.BULK, processes=1)
        two = _rate((template, version), provider, min(n, 80 * 16), workers=2)
        figures.beside_target(f"two workers of 8 connections, {two:.0f}/s, against one", two / rates[8], 1.8)
        reference = _CONNECTIONS[-1] * 1000 / MILLISECONDS
        return {
            "n": n, "size": size, "rates": {str(key): round(rate, 1) for key, rate in rates.items()},
            "per_second": round(rates[32], 1), "reference": "one message each 50 ms on 32 connections",
            "reference_per_second": reference, "ratio": round(rates[32] / reference, 3),
            "two_workers_to_one": round(two / rates[8], 2), "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip


def _rate(mail: tuple[Template, TemplateVersion], provider: Provider, n: int, workers: int = 1) -> float:
    """Messages a second of one campaign, after one that opens the connections of every worker."""
    warm_up, dataset = content.make_dataset(400 if workers > 1 else 64), content.make_dataset(n)
    campaign_case.wait(content.launch(*mail, warm_up, provider).id)
    started = time.perf_counter()
    campaign_case.wait(content.launch(*mail, dataset, provider).id)
    return n / (time.perf_counter() - started)
