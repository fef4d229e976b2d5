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


@commands.command("reset-password")
@click.argument("username")
@click.option("--second-factor", is_flag=True, help="Turn two-factor sign-in off too: the device is gone.")
def reset_password(username: str, second_factor: bool) -> None:
    """Print a one-time password for a user, end a lock and all sessions: for an administrator locked out."""
    from dashboard.accounts.services import find_user
    from dashboard.users import services

    user = find_user(username)
    if user is None:
        raise click.ClickException(f"There is no user “{username}”.")
    if second_factor and user.totp_enabled:
        services.reset_second_factor(user_id=user.id, typed_name=user.username)
    _user, password = services.reset_password(user_id=user.id)
    click.echo(f"One-time password of {user.username}: {password}")


@commands.command("openapi")
def openapi() -> None:
    """Print the OpenAPI document of the API, as docs/openapi.json keeps it."""
    from dashboard.api.specification import written

    click.echo(written(), nl=False)
