"""Migrations: one line of numbers, and an empty database that they fill with exactly the tables of the models."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Connection, Engine, inspect, text

from dashboard import create_app
from dashboard.extensions import Base, db
from dashboard.messages.partitions import is_part
from tests.conftest import ROOT, new_postgres_database, settings_for

FOLDER = ROOT / "migrations"
#: Not a table of the models: Alembic's own.
BOOKKEEPING = {"alembic_version"}


def test_numbers_have_no_gap_and_one_head() -> None:
    scripts = ScriptDirectory(str(FOLDER))
    revisions = sorted(scripts.walk_revisions(), key=lambda script: script.revision)
    expected = [f"{number:04d}" for number in range(1, len(revisions) + 1)]
    assert [script.revision for script in revisions] == expected
    assert [script.down_revision for script in revisions] == [None, *expected[:-1]]
    assert scripts.get_heads() == [expected[-1]]


def test_each_file_is_named_after_its_number_and_says_what_it_does() -> None:
    for script in ScriptDirectory(str(FOLDER)).walk_revisions():
        assert re.fullmatch(rf"{script.revision}_[a-z0-9_]+\.py", Path(script.path).name)
        assert script.doc, script.path


def empty_app(kind: str, folder: Path, request: pytest.FixtureRequest) -> Flask:
    url = ""
    if kind == "postgres":
        url = new_postgres_database(request.getfixturevalue("postgres_server"), f"schema_{uuid.uuid4().hex}")
    folder.mkdir()
    return create_app(settings_for(folder, url))


@pytest.fixture
def migrated(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database that was empty, with every migration applied."""
    app = empty_app(database_kind, tmp_path / "migrated", request)
    with app.app_context():
        upgrade(directory=str(FOLDER))
        yield db.engine
        db.engine.dispose()


@pytest.fixture
def created(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database made from the models alone."""
    app = empty_app(database_kind, tmp_path / "created", request)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        yield db.engine
        db.engine.dispose()


def test_nothing_is_left_for_another_migration(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": known})
        assert compare_metadata(context, Base.metadata) == []


def test_the_next_migration_need_not_wait_for_this_one(migrated: Engine) -> None:
    """Its connection lies in the pool of a process that goes on; a lock of its session would lie there with it."""
    if migrated.dialect.name != "postgresql":
        return
    other = text("SELECT pg_try_advisory_lock(727201)")
    with migrated.connect() as first, migrated.connect() as second:
        assert [first.scalar(text("SHOW lock_timeout")), second.scalar(text("SHOW lock_timeout"))] == ["0", "0"]
        assert second.scalar(other)
        second.execute(text("SELECT pg_advisory_unlock(727201)"))
        assert first.scalar(other)


def test_migrations_make_what_the_models_make(migrated: Engine, created: Engine) -> None:
    with migrated.connect() as by_migrations, created.connect() as by_models:
        assert described(by_migrations) == described(by_models)


def test_index_classes_are_the_same_on_postgresql(migrated: Engine, created: Engine) -> None:
    """What reflection leaves out: text_pattern_ops, without which LIKE 'prefix%' scans."""
    if migrated.dialect.name != "postgresql":
        return
    definitions = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
    with migrated.connect() as by_migrations, created.connect() as by_models:
        found = {definition for definition in by_migrations.scalars(definitions) if not of_a_part(definition)}
        assert found == set(by_models.scalars(definitions))
    assert any("text_pattern_ops" in definition for definition in found)


def of_a_part(definition: str) -> bool:
    match = re.search(r" ON (?:ONLY )?public\.(\w+)", definition)
    return match is not None and is_part(match[1])


def known(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name is None or not is_part(name)


def described(connection: Connection) -> dict[str, Any]:
    """Each table with its columns, keys and indexes, in words that can be compared."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)
            },
            "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
            "unique": {(one["name"], *one["column_names"]): "" for one in inspector.get_unique_constraints(table)},
            "foreign keys": {
                (one["name"], *one["constrained_columns"]): (one["referred_table"], one["referred_columns"])
                for one in inspector.get_foreign_keys(table)
            },
            "indexes": {
                one["name"]: (one["column_names"], one["unique"], options_of(one))
                for one in inspector.get_indexes(table)
            },
        }
        for table in inspector.get_table_names()
        if table not in BOOKKEEPING and not is_part(table)
    }


def options_of(index: Any) -> dict[str, str]:
    """What a dialect adds to an index (a partial one's condition), as text: a clause equals only itself."""
    return {name: str(value) for name, value in index.get("dialect_options", {}).items()}
