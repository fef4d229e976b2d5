"""Commands of an installation: `flask --app wsgi carillon …`."""

from __future__ import annotations

import json

import click
from flask import Flask
from flask.cli import AppGroup
from flask_migrate import upgrade

from dashboard.current import current_settings

commands = AppGroup("carillon", help="Commands of this installation.")


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)


@commands.command("prepare")
def prepare() -> None:
    """Migrate the database and make the first administrator; prints {"first_password": … or null} as its last line."""
    from dashboard.accounts.services import ensure_first_admin

    upgrade()
    password = ensure_first_admin(current_settings().admin_password or None)
    click.echo(json.dumps({"first_password": password}))


@commands.command("demo")
def demo() -> None:
    """Fill a new database with a demonstration and run one campaign; does nothing where there is one already."""
    from dashboard.demo.services import fill_in_demonstration

    fill_in_demonstration()
