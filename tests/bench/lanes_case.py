"""One-time codes and transactional mail while a campaign runs: hand-over p99 against an idle machine, own lanes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from dashboard.jobs.models import JobKind
from dashboard.jobs.services import Recipient, send_directly
from dashboard.message_templates.models import Template, TemplateVersion
from tests.bench import content, figures, smtp_tools
from tests.bench.api_web import percentiles
from tests.bench.beside_campaigns import SAMPLES, Campaigns, paced, wait_for_workers
from tests.bench.installation import installation
from worker.queues import Queue

#: Records of the campaign; codes are sent while it runs, and should it end too soon, while another one like it does.
N = 1_000_000
SIZE = 10_240

Codes = dict[str, tuple[Template, TemplateVersion]]


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Milliseconds from the call to the provider's having the message, of each lane, idle and busy."""
    with (
        smtp_tools.sink() as bulk_port,
        smtp_tools.slow_sink(0, log=True) as (port, log),
        installation(database) as desk,
    ):
        template, version = content.make_template(size)
        codes = {category: content.make_small_template(category) for category in ("otp", "transactional")}
        provider, own_provider = content.make_provider(bulk_port), content.make_provider(port, 4)
        dataset = content.make_dataset(n)
        desk.start_workers(Queue.BULK, processes=desk.settings.bulk_processes)
        desk.start_workers(Queue.OTP, processes=1, threads=4)
        desk.start_workers(Queue.TRANSACTIONAL, processes=1, threads=4)
        _hand_over(codes, own_provider.id, "warm", log, 20)
        wait_for_workers(desk)
        idle = _hand_over(codes, own_provider.id, "idle", log, SAMPLES)
        campaigns = Campaigns(lambda: content.launch(template, version, dataset, provider).id)
        campaigns.begin()
        busy = _hand_over(codes, own_provider.id, "busy", log, SAMPLES, campaigns)
        campaigns.end()
        shares = {lane: _compare(lane, percentiles(idle[lane]), percentiles(busy[lane])) for lane in codes}
        p99, reference = (figures.percentile(times["otp"], 0.99) for times in (busy, idle))
        return {
            "n": n, "size": size, "busy_p99_ms": round(p99 * 1000, 1), "idle_p99_ms": round(reference * 1000, 1),
            "per_second": round(1 / p99, 1), "reference": "the same on the idle machine",
            "reference_per_second": round(1 / reference, 1), "ratio": shares["otp"],
            "transactional_ratio": shares["transactional"], "idle": {lane: percentiles(idle[lane]) for lane in codes},
            "busy": {lane: percentiles(busy[lane]) for lane in codes}, "samples": SAMPLES,
            "campaigns": campaigns.launched, "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip


def _compare(lane: str, before: dict[str, Any], during: dict[str, Any]) -> float:
    """Print a lane's percentiles; its p99 while a campaign runs, of that of the idle machine."""
    share: float = during["p99_ms"] / before["p99_ms"]
    name = f"{lane} p99, {before['p99_ms']:.1f} ms idle, {during['p99_ms']:.1f} ms busy"
    figures.beside_target(name, share, 1.5, at_most=True)
    for when, times in (("idle", before), ("busy", during)):
        print(f"    {when}: p50 {times['p50_ms']}, p95 {times['p95_ms']}, p99 {times['p99_ms']} ms", flush=True)
    return round(share, 2)


def _hand_over(
    codes: Codes, provider_id: int, name: str, log: Path, count: int, campaigns: Campaigns | None = None
) -> dict[str, list[float]]:
    """Lane -> seconds from each of `count` calls to the arrival of its message; lanes in turn, at a steady pace."""
    called: dict[str, dict[str, float]] = {lane: {} for lane in codes}
    lanes = list(codes)
    for number in paced(count * len(lanes), campaigns):
        lane = lanes[number % len(lanes)]
        template, version = codes[lane]
        address = f"{lane}-{name}-{number}@example.com"
        called[lane][address] = time.monotonic()
        send_directly(
            kind=JobKind.API,
            template=template,
            template_version=version,
            recipients=[Recipient(email=address, variables={"code": str(number)})],
            provider_id=provider_id,
        )
    arrived = _arrivals(log, {address for lane in called.values() for address in lane}, name)
    return {lane: [arrived[address] - moment for address, moment in calls.items()] for lane, calls in called.items()}


def _arrivals(log: Path, wanted: set[str], name: str) -> dict[str, float]:
    """Address -> moment at which the provider had its message, once all have come."""
    deadline = time.monotonic() + 60
    while True:
        lines = [line.split("\t") for line in log.read_text().split("\n")[:-1]]
        arrived = {address: float(moment) for moment, address in lines}
        if wanted <= arrived.keys():
            return arrived
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(wanted - arrived.keys())} messages of {name} did not arrive in a minute")
        time.sleep(0.1)
