"""Is everything up? Signs of life, the state of the database, sizes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import SQLAlchemyError

from dashboard import VERSION
from dashboard.current import current_settings
from dashboard.extensions import db, read_connection, utc_now
from dashboard.system import lanes
from dashboard.system.measures import ALIVE
from dashboard.system.models import Heartbeat
from worker.queues import Queue

#: The word of a part that is as it should be; anything else is a sentence about what is missing.
OK: Final = "ok"
_HEAD: Final = "carillon_migration_head"


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of /healthz: each part is "ok" or says what is missing. Names no address and no host."""

    database: str
    broker: str
    workers: str
    scheduler: str
    version: str = VERSION

    @property
    def healthy(self) -> bool:
        return (self.database, self.broker, self.workers, self.scheduler) == (OK, OK, OK, OK)

    def parts(self) -> list[tuple[str, str]]:
        """(part, "ok" or what is missing), for the page."""
        return [(name, getattr(self, name)) for name in ("database", "broker", "workers", "scheduler")]

    def as_json(self) -> dict[str, Any]:
        return {"status": OK if self.healthy else "unavailable", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Process:
    """A worker or scheduler that gave a sign of life within the last day."""

    kind: str
    name: str
    at: datetime
    alive: bool
    queues: str
    version: str


def health() -> Health:
    """Look at every part: two short reads and one PING; a part that is away costs a second at most."""
    try:
        with read_connection() as connection:
            database = _migrated(connection)
            beats = (
                connection.execute(select(Heartbeat.kind, Heartbeat.at, Heartbeat.info)).all() if database == OK else []
            )
    except SQLAlchemyError:
        database, beats = "not reachable", []
    since = utc_now() - ALIVE
    fresh = [beat for beat in beats if beat.at > since]
    served = {lane for beat in fresh if beat.kind == "worker" for lane in beat.info.get("queues", [])}
    unserved = [queue.value for queue in Queue if queue.value not in served]
    return Health(
        database=database,
        broker=_broker(),
        workers=f"no live worker for: {', '.join(unserved)}" if unserved else OK,
        scheduler=OK if any(beat.kind == "scheduler" for beat in fresh) else "no sign of life for 15 s",
    )


def processes() -> Sequence[Process]:
    """Workers and schedulers of the last day: the living first, then by kind and name."""
    now = utc_now()
    statement = select(Heartbeat).where(Heartbeat.at > now - timedelta(days=1))
    found = [
        Process(
            kind=beat.kind,
            name=beat.name,
            at=beat.at,
            alive=beat.at > now - ALIVE,
            queues=", ".join(beat.info.get("queues", [])),
            version=str(beat.info.get("version", "")),
        )
        for beat in db.session.scalars(statement)
    ]
    return sorted(found, key=lambda process: (not process.alive, process.kind, process.name))


def storage() -> dict[str, Any]:
    """`kind` of database, its size and the free space under VAR_DIR, in bytes."""
    with read_connection() as connection:
        kind = connection.dialect.name
        if kind == "sqlite":
            size = sum(path.stat().st_size for path in _sqlite_files(connection) if path.exists())
        else:
            size = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    free = shutil.disk_usage(current_settings().var_dir).free
    return {"kind": {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(kind, kind), "bytes": size, "free": free}


def _migrated(connection: Connection) -> str:
    connection.execute(text("SELECT 1"))
    try:
        present = set(connection.scalars(text("SELECT version_num FROM alembic_version")))
    except SQLAlchemyError:
        return "not migrated"
    return OK if present == {_head()} else "not migrated to this version"


def _head() -> str | None:
    """The newest migration of this program, read from its files once."""
    if _HEAD not in current_app.extensions:
        folder = Path(current_app.root_path).parent / "migrations"
        current_app.extensions[_HEAD] = ScriptDirectory(str(folder)).get_current_head()
    head: str | None = current_app.extensions[_HEAD]
    return head


def _broker() -> str:
    try:
        lanes.ping()
    except lanes.BrokerAway as away:
        return f"not reachable ({away})"
    return OK


def _sqlite_files(connection: Connection) -> list[Path]:
    path = str(connection.engine.url.database)
    return [Path(path), Path(f"{path}-wal")]
