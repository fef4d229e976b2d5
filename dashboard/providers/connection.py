"""Trying a connection for a person who waits: a report within a fixed time, whatever the other side does."""

from __future__ import annotations

import threading

from worker.providers.base import ConnectionReport, Provider

#: A vendor's own time-outs may add up to minutes; nobody looks at a button for that long.
MOST_SECONDS = 15.0


def report_within(adapter: Provider, seconds: float = MOST_SECONDS) -> ConnectionReport:
    """The adapter's report, or one that says that `seconds` were not enough.

    An attempt that takes too long goes on in its thread until the vendor's time-outs end it, and is ignored.
    """
    reports: list[ConnectionReport] = []
    thread = threading.Thread(target=lambda: reports.append(_report(adapter)), name="connection-test", daemon=True)
    thread.start()
    thread.join(seconds)
    if reports:
        return reports[0]
    words = (
        f"The server did not finish answering within {seconds:g} s. Check host and port, and whether a firewall "
        "lets this machine through."
    )
    return ConnectionReport(ok=False, steps=(("Answer", False, words),))


def _report(adapter: Provider) -> ConnectionReport:
    try:
        return adapter.test_connection()
    except Exception as error:  # in a thread nobody else would hear of it
        words = f"The test stopped because of a fault in the provider's adapter ({type(error).__name__}: {error})."
        return ConnectionReport(ok=False, steps=(("Test", False, words),))
