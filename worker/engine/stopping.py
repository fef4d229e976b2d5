"""Whether this process has been asked to end (SIGTERM): every slice looks here between two messages."""

from __future__ import annotations

import threading

_asked = threading.Event()


def ask_to_stop() -> None:
    """From now on slices hand over nothing more; what is under way is finished and booked."""
    _asked.set()


def asked_to_stop() -> bool:
    return _asked.is_set()


def forget() -> None:
    """Take the request back: a worker started in the same process (tests) begins afresh."""
    _asked.clear()
