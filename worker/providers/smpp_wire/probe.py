"""Tries a bind and tells each step; sends no message. Receipts that come meanwhile are left to the next bind."""

import asyncio

from worker.providers.base import ConnectionReport
from worker.providers.smpp_wire.bind import Bind, OpenFailed, Respond
from worker.providers.smpp_wire.pdus import Delivery
from worker.providers.smpp_wire.settings import WireSettings


def probe(settings: WireSettings) -> ConnectionReport:
    """Connect, sign in, take leave. The last step of a report that is not ok is the one that failed."""
    return asyncio.run(_probe(settings))


async def _probe(settings: WireSettings) -> ConnectionReport:
    bind = Bind(settings, _leave)
    where = f"{settings.host}:{settings.port}"
    try:
        await bind.open()
    except OpenFailed as problem:
        reached = (("Connect", True, f"{where} answers."),) if problem.step == "Sign in" else ()
        return ConnectionReport(False, (*reached, (problem.step, False, problem.detail)))
    serving = asyncio.create_task(bind.serve())
    await bind.close()
    await serving
    words = f"Bound as {settings.system_id}" + (f" to {bind.peer}." if bind.peer else ".")
    return ConnectionReport(True, (("Connect", True, f"{where} answers."), ("Sign in", True, words)))


def _leave(_delivery: Delivery, respond: Respond) -> None:
    respond(False)
