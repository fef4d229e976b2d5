"""Alembic runs inside the application (`flask --app wsgi db …`): its engine, its metadata."""

import contextlib
from collections.abc import Iterator

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from dashboard.messages.partitions import is_part

database = current_app.extensions["migrate"].db


def known(name: str | None, kind: str, _parents: object) -> bool:
    """The months of the ledger are made by the scheduler, not by migrations."""
    return kind != "table" or name is None or not is_part(name)


@contextlib.contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """One migration at a time on all machines; a lock that is not had at once fails instead of piling up. The
    connection goes back to its pool as it was: the next migration may be another process's."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.execute(text("SELECT pg_advisory_lock(727201)"))
    connection.execute(text("SET lock_timeout = '4s'"))
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("RESET lock_timeout"))
        connection.execute(text("SELECT pg_advisory_unlock(727201)"))
        connection.commit()


def run() -> None:
    with database.engine.connect() as connection, alone(connection):
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=True,
            compare_type=True,
            user_module_prefix="dashboard.extensions.",
            include_name=known,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
