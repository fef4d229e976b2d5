"""PostgreSQL with few round trips: each is a tenth of a millisecond of a request's five, and more on a busy machine.

- BEGIN travels with the first statement of its transaction.
- From `gather` on, statements are only sent; all of them and the COMMIT come back together (libpq's pipeline).
- Whether a pooled connection still lives is seen by a look at its socket. It is asked only after a while of rest, since
  a firewall that forgets a connection closes nothing.
"""

from __future__ import annotations

import select
import time
from contextlib import ExitStack
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.abc import Params
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError

#: Seconds of rest after which a connection is asked, and not only looked at.
_ASK_AFTER: Final = 5.0
_USED: Final = "carillon_used"


class FirstWithBegin(psycopg.Cursor[Any]):
    """A cursor whose first statement of a transaction takes the BEGIN along."""

    def execute(
        self, query: Any, params: Params | None = None, *, prepare: bool | None = None, binary: bool | None = None
    ) -> FirstWithBegin:
        """See psycopg."""
        connection = self.connection
        if connection.autocommit or connection.info.transaction_status != TransactionStatus.IDLE:
            return super().execute(query, params, prepare=prepare, binary=binary)
        with connection.pipeline():
            return super().execute(query, params, prepare=prepare, binary=binary)


class GatheringConnection(psycopg.Connection[Any]):
    """A connection that can put statements off until the commit."""

    _gathered: ExitStack | None = None

    def gather(self) -> None:
        """From now to the end of the transaction statements are only sent, so none can be read from."""
        if self._gathered is None:
            self._gathered = ExitStack()
            self._gathered.enter_context(self.pipeline())

    def commit(self) -> None:
        """Commit, and raise what any statement since `gather` ran into; then nothing is committed."""
        gathered, self._gathered = self._gathered, None
        if gathered is None and self.info.transaction_status == TransactionStatus.IDLE:
            return
        with gathered or ExitStack():
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Roll back; what was gathered ran into does not matter any more."""
        gathered, self._gathered = self._gathered, None
        if gathered is not None:
            try:
                gathered.close()
            except psycopg.Error:
                if self.closed:
                    raise
        elif self.info.transaction_status == TransactionStatus.IDLE:
            return
        super().rollback()

    def set_isolation_level(self, value: IsolationLevel | None) -> None:
        """See psycopg; SQLAlchemy sets what is set already, twice for each statement that stands by itself."""
        if value is not self.isolation_level:
            super().set_isolation_level(value)


def gather(connection: Connection) -> None:
    """See `GatheringConnection.gather`; nothing on other databases."""
    driver = connection.connection.driver_connection
    if isinstance(driver, GatheringConnection):
        driver.gather()


def prepare(engine: Engine) -> None:
    """Let an engine make such connections."""

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, keywords: Any) -> GatheringConnection:
        connection = GatheringConnection.connect(*arguments, **keywords)
        connection.cursor_factory = FirstWithBegin
        return connection

    @event.listens_for(engine, "checkin")
    def _on_return(_connection: Any, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _on_use(connection: Any, record: Any, _proxy: Any) -> None:
        used = record.info.get(_USED)
        if used is None or (time.monotonic() - used < _ASK_AFTER and _is_quiet(connection)):
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error


def _is_quiet(connection: psycopg.Connection[Any]) -> bool:
    """Whether nothing came that nobody asked for: a server that stops says so, and closes."""
    if connection.closed:
        return False
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return not look.poll(0)
