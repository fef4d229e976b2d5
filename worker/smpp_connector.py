"""Holds the binds of all SMPP providers for the workers of this machine, and keeps the receipts that come over them.

`python -m worker.smpp_connector`, a child of the supervisor. Accounts allow few binds, and receipts come over whichever
bind is open, so they belong to no worker. Sessions hand messages over through a Unix socket
(`worker.providers.smpp_wire.hub`). When this process is killed, they book what is under way as unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard import VERSION
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.providers.models import Provider as ProviderRow
from dashboard.settings import Settings
from worker import heartbeat
from worker.engine.plan import CannotSend, adapter_for
from worker.providers import registry
from worker.providers.base import ConfigurationProblem, Receipt
from worker.providers.smpp_wire.bind import Respond
from worker.providers.smpp_wire.hub import Hub
from worker.providers.smpp_wire.line import Line
from worker.providers.smpp_wire.pdus import Delivery
from worker.providers.smpp_wire.receipts import is_receipt, read_receipt
from worker.providers.smpp_wire.settings import WireSettings
from worker.receipts.applying import BATCH, take

logger = logging.getLogger(__name__)

_ROUND_SECONDS = 1.0
_PAUSE_AFTER_FAILURE = 1.0
_MANY = 20  # receipts at once: more than the window of a message centre that waits for answers
_GATHER_SECONDS = 0.2


class Intake:
    """The receipts of one provider on their way into the ledger, many in one transaction.

    A receipt is answered for once it is stored: one that could not be is brought again by the message centre.
    """

    def __init__(self, engine: Engine, provider_id: int, wire: WireSettings) -> None:
        self._engine = engine
        self._provider_id = provider_id
        self._wire = wire
        self._waiting: asyncio.Queue[tuple[Receipt, Respond]] = asyncio.Queue()

    def put(self, delivery: Delivery, respond: Respond) -> None:
        """Take what a bind brings. What people write is answered for and not kept: nothing here reads it."""
        receipt = read_receipt(self._wire, delivery) if is_receipt(delivery) else None
        if receipt is None:
            logger.info("a delivery that is no receipt", extra={"provider_id": self._provider_id})
            respond(True)
        else:
            self._waiting.put_nowait((receipt, respond))

    async def run(self) -> None:
        """Store until cancelled.

        Where many come together, the next ones are gathered for a moment: fewer transactions, and the windows of the
        workers, which write what a receipt is looked for by, get their turn. A message centre that waits for each
        answer never waits for that.
        """
        stored = 0
        while True:
            batch = [await self._waiting.get()]
            if stored >= _MANY:
                await asyncio.sleep(_GATHER_SECONDS)
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            stored = len(batch)
            try:
                await asyncio.to_thread(take, self._engine, self._provider_id, [receipt for receipt, _ in batch])
            except Exception:
                logger.exception("receipts could not be stored", extra={"provider_id": self._provider_id})
                _answer(batch, stored=False)
                await asyncio.sleep(_PAUSE_AFTER_FAILURE)
            else:
                _answer(batch, stored=True)


def _answer(batch: list[tuple[Receipt, Respond]], *, stored: bool) -> None:
    for _, respond in batch:
        respond(stored)


@dataclass(slots=True)
class _Held:
    """A provider's line, and the settings it was opened with."""

    wire: WireSettings
    line: Line
    storing: asyncio.Task[None]

    async def stop(self) -> None:
        await self.line.stop()
        self.storing.cancel()


class Connector:
    """One line for each enabled provider whose vendor wants it so; changes of providers are followed each second."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._held: dict[str, _Held] = {}
        self._refreshing = asyncio.Lock()
        self._problems: dict[str, str] = {}

    async def run(self, stopped: asyncio.Event) -> None:
        """Serve until told to stop; then take leave of every message centre."""
        path = self._settings.connector_socket
        hub = Hub(self._find)
        before = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(hub.serve, path, limit=2**20)
        finally:
            os.umask(before)
        while not stopped.is_set():
            try:
                await self._refresh()
                await asyncio.to_thread(self._beat)
            except Exception:
                logger.exception("a round of the connector failed")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), _ROUND_SECONDS)
        server.close()
        await asyncio.gather(*(held.stop() for held in self._held.values()))
        await hub.close()
        with contextlib.suppress(OSError):
            path.unlink()

    async def _find(self, key: str) -> Line:
        if key not in self._held:
            await self._refresh()  # one that was made a moment ago
        if key not in self._held:
            words = self._problems.get(key, "The connector holds no bind for this provider: is it enabled?")
            raise ConfigurationProblem("not_held", words)
        return self._held[key].line

    async def _refresh(self) -> None:
        async with self._refreshing:
            wanted = await asyncio.to_thread(self._wanted)
            changed = [key for key, held in self._held.items() if wanted.get(key) != held.wire]
            leaving = [self._held.pop(key) for key in changed]
            await asyncio.gather(*(held.stop() for held in leaving))
            for key, wire in wanted.items():
                if key not in self._held:
                    intake = Intake(self._engine, int(key), wire)
                    line = Line(wire, intake.put)
                    line.start()
                    self._held[key] = _Held(wire, line, asyncio.create_task(intake.run()))

    def _wanted(self) -> dict[str, WireSettings]:
        """Settings of the lines by provider, as the database has them now."""
        vendors = [provider.vendor for provider in registry.providers() if provider.held_by_connector]
        statement = select(ProviderRow).where(
            ProviderRow.vendor.in_(vendors), ProviderRow.enabled, ProviderRow.archived_at.is_(None)
        )
        found: dict[str, WireSettings] = {}
        problems: dict[str, str] = {}
        with Session(self._engine) as session:
            for row in session.scalars(statement):
                try:
                    found[str(row.id)] = adapter_for(row, self._settings, self._engine).line_settings()
                except (ConfigurationProblem, CannotSend) as problem:
                    problems[str(row.id)] = str(problem)
        self._problems = problems
        return found

    def _beat(self) -> None:
        lines = {key: held.line.open_binds for key, held in self._held.items()}
        heartbeat.beat(self._engine, "connector", heartbeat.process_name(), {"binds": lines, "version": VERSION})


async def serve(engine: Engine, settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await Connector(engine, settings).run(stopped)
    await asyncio.to_thread(heartbeat.take_leave, engine, "connector", heartbeat.process_name())


def main() -> None:
    """The process of the supervisor."""
    from dashboard import create_app

    app = create_app()
    with app.app_context():
        engine, settings = db.engine, current_settings()
    asyncio.run(serve(engine, settings))


if __name__ == "__main__":
    main()
