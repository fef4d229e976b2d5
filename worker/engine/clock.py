"""The time that leases and waits are compared with: the database's, where the database is shared by machines.

Worker machines' clocks differ, and a clock that is set while a slice runs must not end its leases. So a slice asks
once and counts on with the monotonic clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

from dashboard.extensions import single_reads


class Clock:
    """Counts on from a moment."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._counted_from = time.monotonic()

    @classmethod
    def of(cls, engine: Engine) -> Clock:
        """The database server's clock on PostgreSQL; this machine's on SQLite, which one machine uses alone."""
        if engine.dialect.name != "postgresql":
            return cls(datetime.now(UTC))
        with single_reads(engine) as connection:
            return cls(connection.execute(text("SELECT clock_timestamp()")).scalar_one())

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._counted_from)

    def after(self, seconds: float) -> datetime:
        return self.now() + timedelta(seconds=seconds)
