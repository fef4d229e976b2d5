"""The bare extension objects, and the one way to write: `transaction()`.

SQLite loses updates silently where a transaction that began with a read goes on to write (measured: 331 of 1,200
read-modify-writes left), so a writing transaction begins with BEGIN IMMEDIATE; reading ones begin plainly and never
wait for a writer (WAL). Nobody but this module commits; a test looks for that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import BigInteger, Connection, DateTime, Dialect, Engine, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from dashboard import sqlite
from dashboard.ids import new_id, public_id

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

#: 64-bit integer that SQLite can also use as its row id.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with zone, stored in UTC; SQLite keeps it without the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime()}


class Identified:
    """Primary key made by us (time-ordered) with its public form; subclasses name their prefix."""

    PREFIX = "obj"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False, default=new_id)

    @property
    def public_id(self) -> str:
        return public_id(self.PREFIX, self.id)


class Versioned:
    """Optimistic locking: forms carry `version`, services compare it (`dashboard.problems.check_version`)."""

    version: Mapped[int] = mapped_column(default=1)


db = SQLAlchemy(metadata=Base.metadata)
migrate = Migrate(render_as_batch=True, compare_type=True)
csrf = CSRFProtect()
login_manager = LoginManager()

_writing: ContextVar[bool] = ContextVar("carillon_writing", default=False)
_hooks: ContextVar[list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] | None] = ContextVar(
    "carillon_after_commit", default=None
)


@contextlib.contextmanager
def transaction(*, keep: bool = False) -> Iterator[Session]:
    """One writing transaction of `db.session`: commits at its end, or rolls back and raises.

    What the session had read before is let go first, so that it is read again under the write lock. A
    `transaction()` inside another one joins it and ends with a flush. Calls given to `after_commit` run once it is
    committed. With `keep` its objects are not read again after the commit: whoever answers from them at once needs
    nothing newer.
    """
    if _writing.get():
        yield db.session()
        db.session.flush()  # who called may read what a commit would have filled in
        return
    db.session.commit()
    writing, hooks = _writing.set(True), _hooks.set([])
    try:
        session = db.session()
        yield session
        session.expire_on_commit = not keep
        session.commit()
        waiting = _hooks.get() or []
    except BaseException:
        db.session.rollback()
        raise
    finally:
        db.session().expire_on_commit = True
        _writing.reset(writing)
        _hooks.reset(hooks)
    for function, arguments, keywords in waiting:
        function(*arguments, **keywords)


def after_commit(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
    """Call it once the transaction around is committed (at once where there is none)."""
    hooks = _hooks.get()
    if hooks is None:
        function(*arguments, **keywords)
    else:
        hooks.append((function, arguments, keywords))


@contextlib.contextmanager
def write_connection(engine: Engine | None = None) -> Iterator[Connection]:
    """A plain Core connection in one writing transaction, for bulk statements of the ledger and of imports."""
    token = _writing.set(True)
    try:
        with (engine or db.engine).begin() as connection:
            yield connection
    finally:
        _writing.reset(token)


@contextlib.contextmanager
def read_connection(engine: Engine | None = None) -> Iterator[Connection]:
    """A plain Core connection for reading; it never waits for a writer."""
    with (engine or db.engine).connect() as connection:
        yield connection


@contextlib.contextmanager
def single_reads(engine: Engine | None = None) -> Iterator[Connection]:
    """As `read_connection`, for a statement or two of which each stands by itself: PostgreSQL needs no transaction."""
    with _without_transactions(engine or db.engine).connect() as connection:
        yield connection


def need_not_last(connection: Connection) -> None:
    """The commit of this transaction does not wait for PostgreSQL's disk.

    A server that crashes may forget it, but never without everything that was committed later by anybody.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")


def reading_session(engine: Engine) -> Session:
    """As `single_reads`, with objects: what is read one after the other may have changed in between."""
    return Session(_without_transactions(engine))


_singles: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()


def _without_transactions(engine: Engine) -> Engine:
    """The same engine, made once: making one costs as much as four statements."""
    found = _singles.get(engine)
    if found is None:
        commits = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "postgresql" else {}
        found = _singles[engine] = engine.execution_options(**commits)
    return found


def only_write(connection: Connection) -> None:
    """From here to its commit the transaction reads nothing, not even how many rows changed.

    PostgreSQL then gets all statements and the COMMIT in one round trip, and the commit raises what was wrong with one.
    """
    if connection.dialect.name == "postgresql":
        from dashboard import postgres

        postgres.gather(connection)


def prepare_engine(engine: Engine) -> None:
    """Set up SQLite as `dashboard.sqlite` says, and PostgreSQL as `dashboard.postgres` does."""
    if engine.dialect.name == "postgresql":
        from dashboard import postgres  # its driver takes 9 MB of every process, which SQLite can do without

        postgres.prepare(engine)
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine, _writing.get)
