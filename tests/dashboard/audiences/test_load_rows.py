"""An audience made of rows at once, also where a worker hears of the import and is quicker."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from dashboard.audiences import services
from dashboard.audiences.models import DatasetVersion
from dashboard.extensions import db
from worker.imports.checking import run_check
from worker.imports.loading import run_load


def after_another(run: Callable[[int], bool]) -> Callable[[int], bool]:
    """As if a worker held the import whenever we ask first: not ours, and not done either."""
    asked: list[int] = []

    def ask(import_id: int) -> bool:
        asked.append(import_id)
        return True if len(asked) < 3 else run(import_id)

    return ask


def test_it_waits_for_a_worker_that_was_quicker(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "run_check", after_another(run_check))
    monkeypatch.setattr(services, "run_load", after_another(run_load))
    audience = services.load_rows(audience_name="People", header=("email",), rows=[("ada@example.com",)])
    assert db.session.get_one(DatasetVersion, audience.current_version_id).record_count == 1
