"""Text campaigns over SMPP and an HTTP gateway, all receipts matched; reference: bare loops over the same libraries."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from dashboard.crypto import encrypt
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job, JobState
from dashboard.messages.models import Message
from dashboard.providers.models import Provider
from dashboard.webhooks.models import StoredReceipt
from tests.bench import figures, sms_gateway, sms_loops
from tests.bench.api_web import web_process_of
from tests.bench.installation import Installation, installation
from tests.bench.smtp_tools import free_port
from tests.factories.sending import new_job, new_provider
from tests.worker.providers.message_centre import message_centre
from worker.queues import Queue
from worker.rendering.sms import SmsContent

N = 100_000
SIZE = 100
#: Texts in a call of the HTTP gateway and receipts in a callback of it: BATCH=1 for a vendor that takes one.
BATCH = 10
WINDOW = 100
#: For one campaign with its receipts (SECONDS=…); after them the figures say how far it got.
LONGEST_SECONDS = 360
_REFERENCE_N = 10_000
_PROGRAMS = {
    "workers": ("worker.entrypoint", "multiprocessing"),
    "connector": ("worker.smpp_connector",),
    "web": ("gunicorn",),
    "vendor": ("smpp_server.cjs", "sms_gateway"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one campaign went: seconds until the last outcome was written, and until every message had its receipt."""

    job_id: int
    finished: bool
    seconds: float
    seconds_with_receipts: float
    cpu_us: dict[str, float]


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """One campaign of n texts of `size` characters by each of the two ways."""
    ways = {"smpp": _by_smpp(database, n, size), "http_gateway": _by_http(database, n, size)}
    both = list(ways.values())
    return {
        "n": n, "size": size, "per_second": min(way["per_second"] for way in both),
        "matched": sum(way["matched"] for way in both), "all_matched": all(way["matched"] == n for way in both), **ways,
    }  # fmt: skip


def _by_smpp(database: str, n: int, size: int) -> dict[str, Any]:
    with message_centre(quiet=True) as bare:
        reference = asyncio.run(sms_loops.smpp(bare.port, min(n, _REFERENCE_N), _text(size)))
    with message_centre(quiet=True, receipts="text") as centre, installation(database) as desk:
        provider = new_provider("smpp", host="127.0.0.1", port=centre.port, system_id="bench", window=WINDOW)
        with transaction() as session:
            session.get_one(Provider, provider.id).secrets = encrypt(desk.settings.key, {"password": "secret"})
        desk.start_connector()
        outcome = _campaign(desk, provider, n, size)
        return _figures("SMPP", desk, outcome, n, "aiosmpplib's client, no receipts", reference)


def _by_http(database: str, n: int, size: int) -> dict[str, Any]:
    batch = int(os.environ.get("BATCH") or BATCH)
    with sms_gateway.running(free_port()) as port:
        reference = sms_loops.http(port, min(n, _REFERENCE_N), _text(size), batch)
    port = free_port()
    with (
        installation(database, port=free_port(), allow_private_urls=True) as desk,
        web_process_of(desk) as (address, _),
    ):
        provider = new_provider(
            "http_gateway", url=f"http://127.0.0.1:{port}/", batch_size=batch, **sms_gateway.SETTINGS
        )
        hook = f"{address}/webhooks/{provider.vendor}/{provider.webhook_token}"
        with sms_gateway.running(port, hook, batch):
            outcome = _campaign(desk, provider, n, size)
            found = _figures("HTTP gateway", desk, outcome, n, "httpx's client, no receipts", reference)
    return {**found, "batch": batch}


def _campaign(desk: Installation, provider: Provider, n: int, size: int) -> Outcome:
    """The clock runs from the launch: records and job are written before it."""
    desk.start_workers(Queue.BULK, processes=2)
    desk.start_workers(Queue.RECEIPTS, processes=1)
    desk.start_scheduler()
    warm_up = _launch(100, size, provider)
    _wait(lambda: _matched(warm_up) == 100, 60)
    before = _cpu()
    longest = int(os.environ.get("SECONDS") or LONGEST_SECONDS)
    job_id = _launch(n, size, provider)
    started = time.perf_counter()
    finished = _wait(lambda: _state(job_id) == JobState.FINISHED, longest)
    seconds = time.perf_counter() - started
    finished = _wait(lambda: _delivered(job_id) == n, max(1.0, longest - seconds), pause=0.2) and finished
    return Outcome(
        job_id=job_id,
        finished=finished,
        seconds=seconds,
        seconds_with_receipts=time.perf_counter() - started,
        cpu_us={name: round((spent - before[name]) / n * 1e6, 1) for name, spent in _cpu().items() if spent},
    )


def _figures(
    name: str, desk: Installation, outcome: Outcome, n: int, reference: str, reference_rate: float
) -> dict[str, Any]:
    per_second, matched = n / outcome.seconds, _matched(outcome.job_id)
    spent = ", ".join(f"{program} {value:.0f}" for program, value in outcome.cpu_us.items())
    print(f"  {name}: {per_second:,.0f} messages/s, bare loop {reference_rate:,.0f}/s ({reference})")
    print(f"  with every receipt: {n / outcome.seconds_with_receipts:,.0f}/s; CPU us a message: {spent}")
    figures.beside_target(f"{name}: messages with exactly one receipt", matched, n)
    return {
        "finished": outcome.finished, "per_second": round(per_second) if outcome.finished else 0,
        "delivered": _delivered(outcome.job_id), "matched": matched, "seconds": round(outcome.seconds, 2),
        "seconds_with_receipts": round(outcome.seconds_with_receipts, 2),
        "per_second_with_receipts": round(n / outcome.seconds_with_receipts), "reference": reference,
        "reference_per_second": round(reference_rate), "ratio": round(per_second / reference_rate, 3),
        "cpu_us": outcome.cpu_us, "peak_rss_mb": round(desk.peak_rss_mb, 1),
    }  # fmt: skip


def _text(size: int) -> str:
    return ("Your parcel is on its way and comes on Monday. " * 20)[: size - 14]


def _launch(n: int, size: int, provider: Provider) -> int:
    records = [{"phone": f"+9198{number:08d}", "name": f"Ada{number:07d}"} for number in range(n)]
    return new_job(records, content=SmsContent("Dear {{ name }}, " + _text(size)), provider=provider).id


def _cpu() -> dict[str, float]:
    return {name: figures.cpu_seconds(*programs) for name, programs in _PROGRAMS.items()}


def _state(job_id: int) -> str | None:
    db.session.rollback()
    return db.session.scalar(select(Job.state).where(Job.id == job_id))


def _delivered(job_id: int) -> int:
    db.session.rollback()
    statement = select(func.count()).where(Message.job_id == job_id, Message.state == "delivered")
    return db.session.scalar(statement) or 0


def _matched(job_id: int) -> int:
    """Messages of the job that have exactly one receipt."""
    own = select(Message.id).where(Message.job_id == job_id)
    single = (
        select(StoredReceipt.message_id)
        .where(StoredReceipt.message_id.in_(own))
        .group_by(StoredReceipt.message_id)
        .having(func.count() == 1)
    )
    return db.session.scalar(select(func.count()).select_from(single.subquery())) or 0


def _wait(condition: Any, seconds: float, pause: float = 0.05) -> bool:
    """Until the condition holds; False where it did not within so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
