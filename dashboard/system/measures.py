"""The figures of an installation: one look at database and broker, for the page System and for /metrics alike.

Everything is asked for at that moment, so any number of web and worker processes needs no shared registry. Nothing
scans the ledger: messages are sums over the chunks of the jobs made within a day (a thousand messages a row, found by
primary key), jobs and imports are counted along an index, lanes and providers are hashes and lists in Redis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from redis.exceptions import RedisError
from sqlalchemy import Connection, func, select

from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.current import current_settings
from dashboard.extensions import read_connection, utc_now
from dashboard.ids import id_at, public_id
from dashboard.jobs.models import ENDED_JOB_STATES, Chunk, Job, JobState
from dashboard.jobs.queries import COUNTED, JobTotals
from dashboard.messages.models import MessageState
from dashboard.providers.models import Provider
from dashboard.system import lanes
from dashboard.system.models import Heartbeat
from worker.engine.provider_figures import ProviderFigures, store_at
from worker.queues import Queue

#: Processes renew their row every 5 s; three missed ones in a row mean that something is wrong.
ALIVE: Final = timedelta(seconds=15)
#: Messages, takeovers and ended jobs are those of jobs made within this time.
SPAN: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """A provider that is not archived, with its answers."""

    id: int
    name: str
    channel: str
    vendor: str
    figures: ProviderFigures

    @property
    def public_id(self) -> str:
        return public_id(Provider.PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class Measures:
    """One look. `away`: how the broker's silence showed, with `lanes` and `providers` empty then."""

    lanes: list[lanes.Lane] = field(default_factory=list)
    providers: list[ProviderLine] = field(default_factory=list)
    away: str = ""
    workers: Mapping[str, int] = field(default_factory=dict)  # living processes by lane
    threads: Mapping[str, int] = field(default_factory=dict)
    schedulers: int = 0
    messages: Mapping[str, int] = field(default_factory=dict)  # by state, of the last SPAN
    takeovers: int = 0
    jobs: Mapping[str, int] = field(default_factory=dict)
    imports: Mapping[str, int] = field(default_factory=dict)


def measure() -> Measures:
    """Look now: a handful of short reads. Raises SQLAlchemyError where the database is away."""
    with read_connection() as connection:
        values = _processes(connection) | _messages(connection)
        values |= {"jobs": _jobs(connection), "imports": _imports(connection)}
        providers = connection.execute(
            select(Provider.id, Provider.name, Provider.channel, Provider.vendor)
            .where(Provider.archived_at.is_(None))
            .order_by(Provider.name)
        ).all()
    try:
        found = lanes.lanes()
        figures = store_at(current_settings().broker_url).read([row.id for row in providers])
    except lanes.BrokerAway as away:
        return Measures(away=str(away), **values)
    except (RedisError, OSError) as error:
        return Measures(away=type(error).__name__, **values)
    lines = [ProviderLine(*row, of_one) for row, of_one in zip(providers, figures, strict=True)]
    return Measures(lanes=found, providers=lines, **values)


def _processes(connection: Connection) -> dict[str, Any]:
    since = utc_now() - ALIVE
    workers, threads, schedulers = dict.fromkeys(Queue, 0), dict.fromkeys(Queue, 0), 0
    for kind, info in connection.execute(select(Heartbeat.kind, Heartbeat.info).where(Heartbeat.at > since)):
        schedulers += kind == "scheduler"
        for lane in info.get("queues", ()) if kind == "worker" else ():
            if lane in workers:
                workers[lane] += 1
                threads[lane] += int(info.get("threads", 1))
    return {
        "workers": {lane.value: number for lane, number in workers.items()},
        "threads": {lane.value: number for lane, number in threads.items()},
        "schedulers": schedulers,
    }


def _messages(connection: Connection) -> dict[str, Any]:
    records = func.coalesce(func.sum(Chunk.last_record - Chunk.first_record + 1), 0)
    sums = [func.coalesce(func.sum(getattr(Chunk, name)), 0) for name in COUNTED]
    takeovers = func.coalesce(func.sum(Chunk.takeovers), 0)
    row = connection.execute(select(records, takeovers, *sums).where(Chunk.job_id >= id_at(utc_now() - SPAN))).one()
    counted = {name: int(value) for name, value in zip(COUNTED, row[2:], strict=True)}
    by_state = dict(JobTotals(records=int(row[0]), **counted).parts())
    return {"messages": {state.value: by_state[state.value] for state in MessageState}, "takeovers": int(row[1])}


def _jobs(connection: Connection) -> dict[str, int]:
    """Open jobs whatever their age, ended ones of the last SPAN."""
    counted = select(Job.state, func.count()).group_by(Job.state)
    still_open = [state.value for state in JobState if state not in ENDED_JOB_STATES]
    found = {state.value: 0 for state in JobState}
    for statement in (
        counted.where(Job.state.in_(still_open)),
        counted.where(Job.id >= id_at(utc_now() - SPAN), Job.state.in_(ENDED_JOB_STATES)),
    ):
        found.update((row[0], row[1]) for row in connection.execute(statement))
    return found


def _imports(connection: Connection) -> dict[str, int]:
    found = {state.value: 0 for state in ImportState}
    rows = connection.execute(select(AudienceImport.state, func.count()).group_by(AudienceImport.state))
    found.update((row[0], row[1]) for row in rows)
    return found
