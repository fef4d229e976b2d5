"""What belongs to the running application: its settings."""

from __future__ import annotations

from flask import current_app

from dashboard.settings import Settings


def current_settings() -> Settings:
    """The settings of the application whose context is active."""
    settings: Settings = current_app.extensions["carillon_settings"]
    return settings
