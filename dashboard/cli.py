"""Commands of an installation: `flask --app wsgi carillon …`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup
from flask_migrate import upgrade

from dashboard.current import current_settings

commands = AppGroup("carillon", help="Commands of this installation.")


def init_app(app: Flask) -> None:
    app.cli.add_command(commands)


@commands.command("prepare")
@click.option("--answer", type=click.Path(path_type=Path), help="Write the JSON to this file (mode 0600) instead.")
def prepare(answer: Path | None) -> None:
    """Migrate the database and make the first administrator; gives {"first_password": … or null}."""
    from dashboard.accounts.services import ensure_first_admin

    upgrade()
    password = ensure_first_admin(current_settings().admin_password or None)
    words = json.dumps({"first_password": password})
    if answer is None:
        click.echo(words)
    else:
        answer.touch(mode=0o600)
        answer.write_text(words)


@commands.command("demo")
def demo() -> None:
    """Fill a new database with a demonstration and run one campaign; does nothing where there is one already."""
    from dashboard.demo.services import fill_in_demonstration

    fill_in_demonstration()
