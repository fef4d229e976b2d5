"""One-time codes and transactional mail while a campaign runs: hand-over p99 against an idle machine, own lanes."""

from __future__ import annotations

import time
from pathlib import Path

from dashboard.extensions import db
from dashboard.jobs.models import Job, JobKind, JobState
from dashboard.jobs.services import Recipient, cancel_job, send_directly
from dashboard.message_templates.models import Template, TemplateVersion
from tests.bench import content, figures, smtp_tools
from tests.bench.installation import installation
from worker.queues import Queue

#: Records of the campaign; codes are sent while it runs.
N = 1_000_000
SIZE = 10_240
_CODES = 200
_PAUSE = 0.03


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Milliseconds from the call to the provider's having the message, 200 messages of each lane, idle and busy."""
    with (
        smtp_tools.sink() as bulk_port,
        smtp_tools.slow_sink(0, log=True) as (port, log),
        installation(database) as desk,
    ):
        template, version = content.make_template(size)
        codes = {category: content.make_small_template(category) for category in ("otp", "transactional")}
        provider, own_provider = content.make_provider(bulk_port), content.make_provider(port, 4)
        dataset = content.make_dataset(n)
        desk.start_workers(Queue.BULK, processes=2)
        desk.start_workers(Queue.OTP, processes=1, threads=4)
        desk.start_workers(Queue.TRANSACTIONAL, processes=1, threads=4)
        for category in codes:
            _hand_over(codes[category], own_provider.id, f"{category}-warm", log, 20)
        idle = {category: _hand_over(codes[category], own_provider.id, f"{category}-idle", log) for category in codes}
        campaign = content.launch(template, version, dataset, provider).id
        time.sleep(1)
        busy = {category: _hand_over(codes[category], own_provider.id, f"{category}-busy", log) for category in codes}
        db.session.rollback()
        if db.session.get_one(Job, campaign).state != JobState.RUNNING:
            print("  the campaign was over too soon: give it a larger N")
        cancel_job(job_id=campaign)
        shares = {}
        for category in codes:
            before, during = figures.percentile(idle[category], 0.99), figures.percentile(busy[category], 0.99)
            shares[category] = during / before
            name = f"{category} p99, {before * 1000:.1f} ms idle, {during * 1000:.1f} ms busy"
            figures.beside_target(name, shares[category], 1.5, at_most=True)
            medians = (figures.percentile(times[category], 0.5) * 1000 for times in (idle, busy))
            print("    medians {:.1f} and {:.1f} ms".format(*medians))
        p99 = figures.percentile(busy["otp"], 0.99)
        reference = figures.percentile(idle["otp"], 0.99)
        return {
            "n": n, "size": size, "busy_p99_ms": round(p99 * 1000, 1), "idle_p99_ms": round(reference * 1000, 1),
            "per_second": round(1 / p99, 1), "reference": "the same on the idle machine",
            "reference_per_second": round(1 / reference, 1), "ratio": round(shares["otp"], 2),
            "transactional_ratio": round(shares["transactional"], 2), "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip


def _hand_over(
    template: tuple[Template, TemplateVersion], provider_id: int, name: str, log: Path, count: int = _CODES
) -> list[float]:
    """Seconds from each call to the arrival of its message."""
    called = {}
    for number in range(count):
        address = f"{name}-{number}@example.com"
        called[address] = time.monotonic()
        send_directly(
            kind=JobKind.API,
            template=template[0],
            template_version=template[1],
            recipients=[Recipient(email=address, variables={"code": str(number)})],
            provider_id=provider_id,
        )
        time.sleep(_PAUSE)
    deadline = time.monotonic() + 60
    while True:
        lines = [line.split("\t") for line in log.read_text().split("\n")[:-1]]
        arrived = {address: float(moment) for moment, address in lines}
        if called.keys() <= arrived.keys():
            return [arrived[address] - moment for address, moment in called.items()]
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(called.keys() - arrived.keys())} messages of {name} did not arrive in a minute")
        time.sleep(0.1)
