"""Rendered previews for the sandboxed frame: a file per preview below the shared files folder, for ten minutes.

The frame asks for its document in a second request, which another web process or machine may answer, so the
rendering cannot stay in memory. A token names a preview; it opens for the person who made it and for nobody else.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.current import current_settings

LIFETIME_SECONDS = 600
_SWEEP_SECONDS = 60
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_last_sweep = 0.0


def _folder() -> Path:
    return current_settings().files / "previews"


def keep(document: Mapping[str, Any], *, owner: int) -> str:
    """Store a JSON document for `owner` (a user's id) and return its token. OSError where the disk is full."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    token = secrets.token_urlsafe(24)
    text = json.dumps({"owner": owner, "document": document})
    unfinished = folder / f".{token}"
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        unfinished.rename(folder / token)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    return token


def find(token: str, *, owner: int) -> dict[str, Any] | None:
    """The document behind a token of this owner, or None where it is unknown, foreign or too old."""
    if not _TOKEN.fullmatch(token):
        return None
    path = _folder() / token
    try:
        if path.stat().st_mtime < time.time() - LIFETIME_SECONDS:
            return None
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return None
    return stored["document"] if stored["owner"] == owner else None


def _sweep(folder: Path) -> None:
    """Delete what is too old, at most once a minute and process: a preview holds a person's data."""
    global _last_sweep
    now = time.monotonic()
    if _last_sweep and now - _last_sweep < _SWEEP_SECONDS:
        return
    _last_sweep = now
    sweep(folder, older_than=LIFETIME_SECONDS)


def sweep(folder: Path, *, older_than: float) -> int:
    """Delete the previews of `folder` that were made more than that many seconds ago; returns how many."""
    limit = time.time() - older_than
    deleted = 0
    for entry in os.scandir(folder):
        try:
            if entry.stat().st_mtime < limit:
                Path(entry.path).unlink(missing_ok=True)
                deleted += 1
        except FileNotFoundError:  # another process was quicker
            continue
    return deleted
