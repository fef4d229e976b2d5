"""Rendered previews on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from flask import Flask

from dashboard.current import current_settings
from dashboard.message_templates import preview_store

DOCUMENT = {"html": "<p>Zoë</p>", "text": "Zoë", "headers": ["Subject: x"]}


def folder(app: Flask) -> Path:
    return current_settings().files / "previews"


def test_only_its_owner_opens_it(app: Flask) -> None:
    token = preview_store.keep(DOCUMENT, owner=7)
    assert preview_store.find(token, owner=7) == DOCUMENT
    assert preview_store.find(token, owner=8) is None


@pytest.mark.parametrize("token", ["", "../../secret.key", "x" * 32, "a/b", "x" * 31 + "\n"])
def test_unknown_tokens(app: Flask, token: str) -> None:
    assert preview_store.find(token, owner=7) is None


def test_an_old_one_is_not_shown_and_then_deleted(app: Flask) -> None:
    token = preview_store.keep(DOCUMENT, owner=7)
    fresh = preview_store.keep(DOCUMENT, owner=7)
    long_ago = time.time() - preview_store.LIFETIME_SECONDS - 5
    os.utime(folder(app) / token, (long_ago, long_ago))
    assert preview_store.find(token, owner=7) is None
    assert preview_store.sweep(folder(app), older_than=preview_store.LIFETIME_SECONDS) == 1
    assert preview_store.find(fresh, owner=7) == DOCUMENT


def test_files_are_readable_by_the_server_alone(app: Flask) -> None:
    token = preview_store.keep(DOCUMENT, owner=7)
    assert (folder(app) / token).stat().st_mode & 0o777 == 0o600


def test_nothing_half_written_stays_where_the_disk_is_full(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(folder(app).iterdir()) if folder(app).exists() else set()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space"):
        preview_store.keep(DOCUMENT, owner=7)
    assert set(folder(app).iterdir()) == before
