"""Codes through the API while a campaign runs: their latencies beside those of the same machine at rest."""

from __future__ import annotations

from typing import Any

from tests.bench import content, figures, smtp_tools
from tests.bench.api_codes import Codes
from tests.bench.api_web import percentiles, timed
from tests.bench.beside_campaigns import SAMPLES, Campaigns, paced, wait_for_workers
from tests.bench.installation import Installation
from worker.queues import Queue

_SIZE = 10_240
_MOST = 1.5


def during_a_campaign(desk: Installation, codes: Codes, records: int) -> dict[str, Any]:
    """Codes at a steady pace, with workers that rest and with workers that send campaigns; workers as they are run."""
    with smtp_tools.sink() as port:
        template, version = content.make_template(_SIZE, "campaign")
        provider, dataset = content.make_provider(port), content.make_dataset(records)
        desk.start_workers(Queue.BULK, processes=desk.settings.bulk_processes)
        wait_for_workers(desk)
        idle = [timed(codes.send) for _ in paced(SAMPLES)]
        campaigns = Campaigns(lambda: content.launch(template, version, dataset, provider).id)
        campaigns.begin()
        busy = [timed(codes.send) for _ in paced(SAMPLES, campaigns)]
        campaigns.end()
    at_rest, at_work = percentiles(idle), percentiles(busy)
    share = at_work["p99_ms"] / at_rest["p99_ms"]
    name = f"otp send p99, {at_rest['p99_ms']} ms idle, {at_work['p99_ms']} ms during {records:,} mails"
    figures.beside_target(name, share, _MOST, at_most=True)
    for when, times in (("idle", at_rest), ("busy", at_work)):
        print(f"    {when}: p50 {times['p50_ms']}, p95 {times['p95_ms']}, p99 {times['p99_ms']} ms", flush=True)
    return {
        "records": records, "campaigns": campaigns.launched, "codes": SAMPLES, "idle": at_rest, "busy": at_work,
        "p99_ratio": round(share, 2),
    }  # fmt: skip
