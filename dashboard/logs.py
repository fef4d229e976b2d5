"""Structured logs: constant text with named fields, one line each; ids, never addresses or codes."""

from __future__ import annotations

import logging
import sys

import structlog
from flask import Flask

from dashboard.settings import Settings

# They log each address they call, with its query, and at DEBUG each header: vendors take passwords in both.
_INDISCREET = ("httpx", "httpcore", "hpack")


def configure(level: str = "INFO") -> None:
    """Send the standard library's log through structlog: coloured words on a terminal, JSON elsewhere."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    final = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(logging.WARNING)


def init_app(app: Flask) -> None:
    settings: Settings = app.extensions["carillon_settings"]
    if not app.testing and not logging.getLogger().handlers:
        configure(settings.log_level)
