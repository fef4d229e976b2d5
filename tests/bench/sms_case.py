"""A text campaign over SMPP with receipts, full ledger; reference: aiosmpplib's own client in a bare loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiosmpplib import ESME, NPI, TON, PhoneNumber, SubmitSm
from aiosmpplib.hook import AbstractHook
from sqlalchemy import func, select

from dashboard.crypto import encrypt
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job, JobState
from dashboard.messages.models import Message
from dashboard.providers.models import Provider
from dashboard.webhooks.models import StoredReceipt
from tests.bench.installation import Installation, installation
from tests.factories.sending import new_job, new_provider
from tests.worker.providers.message_centre import message_centre
from worker.queues import Queue
from worker.rendering.sms import SmsContent

N = 20_000
SIZE = 100
_WINDOW = 100


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """One campaign of n texts of `size` characters; the clock runs from the launch to the last outcome written, and
    then on until every message has its receipt."""
    with message_centre(quiet=True) as bare:
        reference = asyncio.run(_bare_loop(bare.port, n, _text(size)))
    with message_centre(quiet=True, receipts="text") as centre, installation(database) as desk:
        provider = _provider(desk, centre.port)
        desk.start_workers(Queue.BULK, processes=2)
        desk.start_workers(Queue.RECEIPTS, processes=1)
        desk.start_scheduler()
        desk.start_connector()
        _wait_for_receipts(_launch(100, size, provider), 100)  # warm
        started = time.perf_counter()
        job_id = _launch(n, size, provider)
        launched = time.perf_counter()
        _wait(lambda: _state(job_id) == JobState.FINISHED)
        seconds = time.perf_counter() - launched
        _wait_for_receipts(job_id, n)
        matched = time.perf_counter() - launched
        per_second = n / seconds
        return {
            "n": n, "size": size, "delivered": _delivered(job_id), "receipts": _receipts(job_id),
            "prepared_seconds": round(launched - started, 2), "seconds": round(seconds, 2),
            "seconds_with_receipts": round(matched, 2), "per_second": round(per_second),
            "per_second_with_receipts": round(n / matched), "reference": "aiosmpplib's client, bare loop, no receipts",
            "reference_per_second": round(reference), "ratio": round(per_second / reference, 3),
            "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip


def _text(size: int) -> str:
    return ("Your parcel is on its way and comes on Monday. " * 20)[: size - 14]


def _provider(desk: Installation, port: int) -> Provider:
    provider = new_provider("smpp", host="127.0.0.1", port=port, system_id="bench", window=_WINDOW)
    with transaction() as session:
        session.get_one(Provider, provider.id).secrets = encrypt(desk.settings.key, {"password": "secret"})
    return provider


def _launch(n: int, size: int, provider: Provider) -> int:
    records = [{"phone": f"+9198{number:08d}", "name": f"Ada{number:07d}"} for number in range(n)]
    return new_job(records, content=SmsContent("Dear {{ name }}, " + _text(size)), provider=provider).id


def _state(job_id: int) -> str | None:
    db.session.rollback()
    return db.session.scalar(select(Job.state).where(Job.id == job_id))


def _delivered(job_id: int) -> int:
    db.session.rollback()
    statement = select(func.count()).where(Message.job_id == job_id, Message.state == "delivered")
    return db.session.scalar(statement) or 0


def _receipts(job_id: int) -> int:
    """Messages of the job that have exactly one receipt."""
    own = select(Message.id).where(Message.job_id == job_id)
    single = (
        select(StoredReceipt.message_id)
        .where(StoredReceipt.message_id.in_(own))
        .group_by(StoredReceipt.message_id)
        .having(func.count() == 1)
    )
    return db.session.scalar(select(func.count()).select_from(single.subquery())) or 0


def _wait_for_receipts(job_id: int, n: int) -> None:
    _wait(lambda: _delivered(job_id) == n, pause=0.1)


def _wait(condition: Any, pause: float = 0.02) -> None:
    deadline = time.monotonic() + 900
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("it did not finish in fifteen minutes")
        time.sleep(pause)


class _Counting(AbstractHook):  # type: ignore[misc]
    """Knows when the last answer has come."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.done = asyncio.Event()

    async def sending(self, *_: Any) -> None:
        """Nothing to note."""

    async def received(self, message: Any, *_: Any) -> None:
        """One answer less to wait for."""
        if type(message).__name__ == "SubmitSmResp":
            self.left -= 1
            if not self.left:
                self.done.set()

    async def send_error(self, *_: Any) -> None:
        """Would leave the loop waiting, and so be seen."""


async def _bare_loop(port: int, n: int, text: str) -> float:
    hook = _Counting(n)
    client = ESME("127.0.0.1", port, "bench", "secret", hook=hook, log_level="CRITICAL")
    running = asyncio.create_task(client.start())
    started = time.perf_counter()
    for number in range(n):
        await client.broker.enqueue(
            SubmitSm(
                short_message=f"Dear Ada{number:07d}, {text}",
                source=PhoneNumber("PARCEL", TON.ALPHANUMERIC),
                destination=PhoneNumber(f"9198{number:08d}", TON.INTERNATIONAL, NPI.ISDN),
                log_id=str(number),
            )
        )
    await hook.done.wait()
    rate = n / (time.perf_counter() - started)
    await client.stop()
    await running
    return rate
