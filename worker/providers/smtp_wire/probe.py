"""Tries a connection from name to sign-in and tells each step; sends no message."""

import contextlib
import selectors
import time

from worker.providers.base import ConnectionReport
from worker.providers.smtp_wire.opening import Opening, resolve, tls_context
from worker.providers.smtp_wire.problems import OpenFailed
from worker.providers.smtp_wire.settings import WireSettings
from worker.providers.smtp_wire.stream import StreamClosed

_GOODBYE_TIMEOUT = 2.0


def probe(settings: WireSettings) -> ConnectionReport:
    """Open one connection, say goodbye, report. The last step of a report that is not ok is the one that failed."""
    steps: list[tuple[str, bool, str]] = []
    try:
        addresses = resolve(settings.host, settings.port)
    except OpenFailed as failure:
        return ConnectionReport(False, ((failure.step, False, failure.detail),))
    found = ", ".join(dict.fromkeys(str(address) for address in addresses))
    steps.append(("Find the server", True, f"{settings.host} is {found}."))
    results: list[Opening] = []
    with selectors.DefaultSelector() as selector:
        opening = Opening(settings, addresses, selector, lambda: tls_context(settings), results.append)
        opening.start()
        while not results:
            for _ in selector.select(max(0.0, opening.deadline - time.monotonic())):
                opening.service()
            if not results and time.monotonic() >= opening.deadline:
                opening.expire()
        if opening.failure is None:
            _say_goodbye(opening, selector)
    steps.extend((step, True, words) for step, words in opening.steps)
    if opening.failure is not None:
        steps.append((opening.failure.step, False, opening.failure.detail))
    return ConnectionReport(opening.failure is None, tuple(steps))


def _say_goodbye(opening: Opening, selector: selectors.BaseSelector) -> None:
    opening.stream.write(b"QUIT\r\n")
    if selector.select(_GOODBYE_TIMEOUT):
        with contextlib.suppress(StreamClosed):
            opening.stream.read()
    opening.close()
