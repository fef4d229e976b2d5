"""A campaign through real Dramatiq workers to a local SMTP sink, full ledger; reference: Postfix's smtp-source -d."""

from __future__ import annotations

import time

from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.jobs.models import Job, JobState
from dashboard.messages.models import Message
from tests.bench import content, smtp_tools
from tests.bench.installation import installation
from worker.queues import Queue

N = 20_000
SIZE = 10_240


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """One campaign; the clock runs from the launch to the last outcome written, workers warm and waiting."""
    with smtp_tools.sink() as port, installation(database) as desk:
        reference = smtp_tools.source_rate(port, n=n, size=size)
        template, version = content.make_template(size)
        provider = content.make_provider(port)
        dataset, warm_up = content.make_dataset(n), content.make_dataset(200)
        desk.start_workers(Queue.BULK, processes=2)
        _wait(content.launch(template, version, warm_up, provider).id)
        started = time.perf_counter()
        job_id = content.launch(template, version, dataset, provider).id
        _wait(job_id)
        seconds = time.perf_counter() - started
        reference = max(reference, smtp_tools.source_rate(port, n=n, size=size))
        sent = db.session.scalar(select(func.count()).where(Message.job_id == job_id, Message.state == "sent"))
        per_second = n / seconds
        return {
            "n": n, "size": size, "sent": sent, "seconds": round(seconds, 2), "per_second": round(per_second),
            "reference": "smtp-source -d, better of 10 and 50 sessions", "reference_per_second": round(reference),
            "ratio": round(per_second / reference, 3), "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip


def _wait(job_id: int) -> None:
    """Until the job has finished (10 minutes at most)."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        db.session.rollback()
        if db.session.scalar(select(Job.state).where(Job.id == job_id)) == JobState.FINISHED:
            return
        time.sleep(0.02)
    raise SystemExit("the job did not finish in ten minutes")
