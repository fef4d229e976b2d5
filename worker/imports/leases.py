"""A worker's claim on an import: one guarded UPDATE takes it, every saved step renews it, whoever lost it stops."""

from __future__ import annotations

import os
import secrets
import socket
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table, or_, update

from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.current import current_settings
from dashboard.extensions import utc_now, write_connection
from worker.imports.dialect import Dialect
from worker.imports.files import ImportFiles, files_of
from worker.imports.mapping import Column

#: Claims without any progress in between before an import is given up: something in it ends its workers.
CLAIMS: Final = 5
_TABLE: Table = AudienceImport.__table__  # type: ignore[assignment]


class LeaseLost(Exception):
    """Another worker has the import, or somebody cancelled it: stop, and write nothing more."""


@dataclass(slots=True)
class Work:
    """An import in this worker's hands."""

    id: int
    owner: str
    state: ImportState
    audience_id: int
    version_id: int | None
    size: int
    sha256: str
    source: str
    options: dict[str, Any]
    cursor: dict[str, Any]
    report: dict[str, Any]
    files: ImportFiles
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def dialect(self) -> Dialect:
        return Dialect.from_dict(self.options["dialect"])

    @property
    def columns(self) -> list[Column]:
        return [Column.from_dict(column) for column in self.options["mapping"]]

    def save(self, connection: Connection | None = None, **values: Any) -> None:
        """Write `values` and renew the lease, in the caller's transaction or an own one; LeaseLost if it is gone."""
        if connection is None:
            with write_connection() as own:
                self.save(own, **values)
            return
        now = utc_now()
        mine = (_TABLE.c.id == self.id, _TABLE.c.lease_owner == self.owner, _TABLE.c.state == self.state)
        changes = {"lease_until": now + _length(), "updated_at": now} | values
        if connection.execute(update(_TABLE).where(*mine).values(**changes)).rowcount != 1:
            raise LeaseLost
        self.saved_at = time.monotonic()

    def keep_alive(self) -> None:
        """Renew the lease in the middle of a long step, once a third of it has gone."""
        if time.monotonic() - self.saved_at > _length().total_seconds() / 3:
            self.save()

    def finish(self, state: ImportState, connection: Connection | None = None, **values: Any) -> None:
        """Leave the working state for `state` and give the lease back, in one statement."""
        self.save(connection, state=state.value, lease_owner="", lease_until=None, **values)

    def release(self) -> None:
        """Give the lease back with the work as it stands; nothing happens where it is lost already."""
        with write_connection() as connection:
            connection.execute(
                update(_TABLE)
                .where(_TABLE.c.id == self.id, _TABLE.c.lease_owner == self.owner)
                .values(lease_owner="", lease_until=None)
            )


def _length() -> timedelta:
    return timedelta(seconds=current_settings().lease_seconds)


def claim(import_id: int, state: ImportState) -> Work | None:
    """The import, if it is in `state` and nobody works on it; None otherwise. Fails it after CLAIMS fruitless ones."""
    now = utc_now()
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    free = or_(_TABLE.c.lease_until.is_(None), _TABLE.c.lease_until < now)
    with write_connection() as connection:
        row = connection.execute(
            update(_TABLE)
            .where(_TABLE.c.id == import_id, _TABLE.c.state == state.value, free)
            .values(lease_owner=owner, lease_until=now + _length())
            .returning(*_TABLE.c)
        ).first()
        if row is None:
            return None
        cursor = dict(row.cursor)
        claims = int(cursor.pop("claims", 0)) + 1
        work = Work(
            id=row.id,
            owner=owner,
            state=state,
            audience_id=row.audience_id,
            version_id=row.dataset_version_id,
            size=row.received,
            sha256=row.sha256,
            source=row.source,
            options=dict(row.options),
            cursor=cursor,
            report=dict(row.report),
            files=files_of(row.id),
        )
        if claims > CLAIMS:
            words = f"It stopped {CLAIMS} times at the same place and was given up. The log of the workers says why."
            work.finish(ImportState.FAILED, connection, problem=words)
            return None
        work.save(connection, cursor=cursor | {"claims": claims})
    return work
