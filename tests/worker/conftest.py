from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from dashboard.settings import Settings
from worker.engine import stopping


@pytest.fixture
def settings(app: Flask) -> Iterator[Callable[..., Settings]]:
    """Change settings of the application for one test."""
    before = app.extensions["carillon_settings"]

    def change(**values: object) -> Settings:
        app.extensions["carillon_settings"] = before.model_copy(update=values)
        return app.extensions["carillon_settings"]

    yield change
    app.extensions["carillon_settings"] = before


@pytest.fixture(autouse=True)
def not_asked_to_stop() -> Iterator[None]:
    yield
    stopping.forget()
