"""A campaign through real Dramatiq workers to a local SMTP sink, full ledger; reference: Postfix's smtp-source -d."""

from __future__ import annotations

import os
import time
from statistics import median

from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.jobs.models import Job, JobState
from dashboard.messages.models import Message
from tests.bench import content, figures, peers, smtp_tools
from tests.bench.installation import installation
from worker.queues import Queue

N = 20_000
SIZE = 10_240
#: Campaign and reference take turns; rates of a shared machine move, ratios within a round less so.
_ROUNDS = 3


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Three campaigns, each between two runs of smtp-source; the clock runs from launch to the last outcome written.

    Also the processor time a message of everything that works on it, ours and the reference's: where other programs
    use the machine, that tells more than the clock. PEERS=1 adds smtplib and nodemailer.
    """
    with smtp_tools.sink() as port, installation(database) as desk:
        template, version = content.make_template(size)
        provider, dataset = content.make_provider(port), content.make_dataset(n)
        desk.start_workers(Queue.BULK, processes=2)
        wait(content.launch(template, version, content.make_dataset(2_000), provider).id)
        rounds = []
        reference, reference_cpu = _reference(port, n, size)
        for _ in range(_ROUNDS):
            spent, started = figures.Spent(desk.settings.var_dir, sink="smtp-sink"), time.perf_counter()
            job_id = content.launch(template, version, dataset, provider).id
            wait(job_id)
            per_second, cpu = n / (time.perf_counter() - started), spent.by_program(n)
            after, after_cpu = _reference(port, n, size)
            rounds.append((per_second / max(reference, after), per_second, max(reference, after)))
            reference, reference_cpu = after, min(reference_cpu, after_cpu)
        sent = db.session.scalar(select(func.count()).where(Message.job_id == job_id, Message.state == "sent"))
        ratio, per_second, reference = sorted(rounds)[len(rounds) // 2]
        _print(size, ratio, per_second, reference, reference_cpu, cpu)
        result = {
            "n": n, "size": size, "sent": sent, "per_second": round(per_second),
            "reference": "smtp-source -d, better of 10 and 50 sessions", "reference_per_second": round(reference),
            "ratio": round(ratio, 3), "best_ratio": round(max(rounds)[0], 3),
            "cpu_us": {name: round(value, 1) for name, value in cpu.items()},
            "reference_cpu_us": round(reference_cpu, 1),
            "cpu_ratio": round(reference_cpu / sum(cpu.values()), 3), "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip
        if os.environ.get("PEERS"):
            result["peers"] = _beside_peers(port, median(rate for _, rate, _ in rounds), n, size)
        return result


def _reference(port: int, n: int, size: int) -> tuple[float, float]:
    """(messages a second, CPU µs a message) of smtp-source and the sink."""
    before, own = figures.cpu_seconds("smtp-sink"), sum(os.times()[2:4])
    rate = smtp_tools.source_rate(port, n=n, size=size)
    spent = figures.cpu_seconds("smtp-sink") - before + sum(os.times()[2:4]) - own
    return rate, spent / (2 * n) * 1e6


def _print(
    size: int, ratio: float, per_second: float, reference: float, reference_cpu: float, cpu: dict[str, float]
) -> None:
    spent = ", ".join(f"{name} {value:.0f}" for name, value in cpu.items() if value)
    print(f"  {per_second:,.0f} messages/s, smtp-source {reference:,.0f}/s")
    print(f"  CPU us a message: {spent}; smtp-source and sink {reference_cpu:.0f}")
    for name, target in (("least", 0.6), ("goal", 0.8)) if size > 5_000 else (("least", 0.5),):
        figures.beside_target(f"of smtp-source ({name})", ratio, target)


def _beside_peers(port: int, per_second: float, n: int, size: int) -> dict[str, int]:
    found = {}
    for name, rate, times in peers.rates(port, n=n, size=size):
        found[name] = round(rate)
        figures.beside_target(f"{name}: {rate:,.0f}/s; we", per_second / rate, times, unit=" x")
    return found


def wait(job_id: int, seconds: float = 600) -> None:
    """Until the job has finished."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        db.session.rollback()
        if db.session.scalar(select(Job.state).where(Job.id == job_id)) == JobState.FINISHED:
            return
        time.sleep(0.02)
    raise SystemExit(f"the job did not finish in {seconds:.0f} seconds")
