"""Signs of life: one row per process in the database, renewed every five seconds, removed at an orderly end."""

from __future__ import annotations

import logging
import os
import socket
import threading
from datetime import timedelta
from typing import Any

import dramatiq
from dramatiq import Middleware
from flask import Flask
from sqlalchemy import Engine, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from dashboard import VERSION
from dashboard.extensions import db, utc_now, write_connection
from dashboard.system.models import Heartbeat
from worker.engine.stopping import ask_to_stop, forget

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
_KEPT = timedelta(days=1)


def process_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def beat(engine: Engine, kind: str, name: str, info: dict[str, Any]) -> None:
    """Write the row of a process, or renew it."""
    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    statement = insert(Heartbeat).values(kind=kind, name=name, at=utc_now(), info=info)
    with write_connection(engine) as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["kind", "name"], set_={"at": statement.excluded.at, "info": statement.excluded.info}
            )
        )


def take_leave(engine: Engine, kind: str, name: str) -> None:
    """Remove the row: the process ends and is not missed."""
    with write_connection(engine) as connection:
        connection.execute(delete(Heartbeat).where(Heartbeat.kind == kind, Heartbeat.name == name))


def remove_old(engine: Engine) -> int:
    """Remove the rows of processes that nobody has heard of for a day; how many there were."""
    with write_connection(engine) as connection:
        return connection.execute(delete(Heartbeat).where(Heartbeat.at < utc_now() - _KEPT)).rowcount


class WorkerLife(Middleware):
    """Beats while the worker process runs, and passes its end on to the slices at work."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def after_worker_boot(self, _broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Start to beat."""
        forget()
        self._stopped.clear()
        queues = sorted(worker.consumer_whitelist or worker.broker.get_declared_queues())
        info = {"queues": queues, "threads": worker.worker_threads, "version": VERSION}
        self._thread = threading.Thread(target=self._beat, args=(info,), name="heartbeat", daemon=True)
        self._thread.start()

    def before_worker_shutdown(self, _broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        """SIGTERM: slices finish what is under way and hand over nothing more."""
        ask_to_stop()

    def after_worker_shutdown(self, _broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        """Stop to beat, once the slices are through."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(BEAT_SECONDS)

    def _beat(self, info: dict[str, Any]) -> None:
        name = process_name()
        with self._app.app_context():
            engine = db.engine
        while not self._stopped.is_set():
            try:
                beat(engine, "worker", name, info)
            except SQLAlchemyError as error:
                logger.warning("no heartbeat, the database is away", extra={"error": type(error).__name__})
            self._stopped.wait(BEAT_SECONDS)
        try:
            take_leave(engine, "worker", name)
        except SQLAlchemyError as error:
            logger.warning("the heartbeat's row stays behind", extra={"error": type(error).__name__})
