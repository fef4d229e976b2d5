"""Commands of an installation: `flask --app wsgi carillon …`."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

commands = AppGroup("carillon", help="Commands of this installation.")


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)


@commands.command("tables")
def tables() -> None:
    """List the tables of the database (a quick look at whether it is migrated)."""
    from sqlalchemy import inspect

    from dashboard.extensions import db

    click.echo("\n".join(sorted(inspect(db.engine).get_table_names())))
