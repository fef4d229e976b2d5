"""Imports everything that web, workers and scheduler use, before they are forked from the supervisor.

Only modules: no application, no connection, no thread is made here. Actors are left out, since declaring them takes
the broker of their own process.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

_LIBRARIES = (
    "alembic.command", "dramatiq.cli", "flask_migrate", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "httpx",
    "sqlalchemy.dialects.sqlite",
)  # fmt: skip
_LEFT_OUT = ("worker.actors", "worker.entrypoint", "worker.supervisor", "worker.scheduler", "worker.smpp_connector")


def preload(*, postgres: bool) -> None:
    """Import the libraries and every module of ours."""
    left_out = _LEFT_OUT if postgres else (*_LEFT_OUT, "dashboard.postgres")
    for name in _LIBRARIES:
        import_module(name)
    for package in ("dashboard", "worker"):
        for found in walk_packages(import_module(package).__path__, f"{package}."):
            if not found.name.startswith(left_out):
                import_module(found.name)
