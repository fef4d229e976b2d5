"""Alembic runs inside the application (`flask --app wsgi db …`): its engine, its metadata."""

from alembic import context
from flask import current_app
from sqlalchemy import text

database = current_app.extensions["migrate"].db


def run() -> None:
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # One migration at a time on all machines; a lock that is not had at once fails instead of piling up.
            connection.execute(text("SELECT pg_advisory_lock(727201)"))
            connection.execute(text("SET lock_timeout = '4s'"))
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            render_as_batch=True,
            compare_type=True,
            user_module_prefix="dashboard.extensions.",
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
