"""The desk: what people and applications touch, and the data behind it."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from flask import Flask
from flask_openapi3.openapi import OpenAPI

if TYPE_CHECKING:
    from dashboard.settings import Settings

VERSION = "0.1.0"


def create_app(settings: Settings | None = None) -> Flask:
    """The whole application. `app.extensions["carillon_settings"]` holds the settings it was made with."""
    from dashboard import cli, converters, errors, extensions, htmx, interface, logs, parameters, security
    from dashboard import models as _models  # noqa: F401 - all tables are known from here on
    from dashboard.api import registry
    from dashboard.settings import Settings
    from worker.broker import prepare_broker

    settings = settings or Settings()
    app = OpenAPI("dashboard", static_folder="../static", template_folder="templates", **registry.OPTIONS)
    app.config.update(_configuration(settings))
    app.extensions["carillon_settings"] = settings
    logs.init_app(app)
    converters.init_app(app)
    parameters.init_app(app)
    extensions.db.init_app(app)
    with app.app_context():
        extensions.prepare_engine(extensions.db.engine)
    extensions.migrate.init_app(app, extensions.db, directory="migrations")
    extensions.csrf.init_app(app)
    extensions.login_manager.init_app(app)
    # after_request functions run last registered first: redirects are rewritten before the headers are set.
    security.init_app(app)
    htmx.init_app(app)
    errors.init_app(app)
    interface.init_app(app)
    prepare_broker(settings.broker_url)
    _register_views(app)
    registry.init_app(app)
    cli.init_app(app)
    return app


def _configuration(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.key,
        "SQLALCHEMY_DATABASE_URI": settings.database,
        "SQLALCHEMY_ENGINE_OPTIONS": _pool(settings),
        "WTF_CSRF_TIME_LIMIT": None,  # a page left open over lunch must still be able to save
        "SESSION_COOKIE_NAME": "__Host-session" if settings.secure_cookies else "session",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_HTTPONLY": True,
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=settings.session_hours),
        # Counted from the sign-in. Set again by every answer, a late poll would bring back what signing out ended.
        "SESSION_REFRESH_EACH_REQUEST": False,
        # One request: the editor's form with its attachments; audience files come in 8 MiB slices.
        "MAX_CONTENT_LENGTH": max(16, settings.attachment_limit_mb + 6) * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 16 * 1024 * 1024,
        "MAX_FORM_PARTS": 2000,
    }


def _pool(settings: Settings) -> dict[str, object]:
    """Connections to PostgreSQL. A request that waits for a provider needs none, but another thread may book meanwhile.

    Making one costs the server a process, so those that many threads need are kept. The last one used is used next:
    it has the statements prepared.
    """
    if settings.database.startswith("sqlite"):
        return {}
    return {"pool_size": settings.web_threads + 4, "max_overflow": settings.web_threads, "pool_use_lifo": True}


def _register_views(app: Flask) -> None:
    """Every resource package with a `views` module brings its blueprint `bp`."""
    for module in iter_modules(__path__):
        name = f"{__name__}.{module.name}.views"
        if module.ispkg and find_spec(name) is not None:
            app.register_blueprint(import_module(name).bp)
