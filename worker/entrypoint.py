"""What a worker process loads: `dramatiq worker.entrypoint --queues bulk`."""

from __future__ import annotations

import dramatiq

from dashboard import create_app
from worker.actors import declare_all
from worker.broker import AppContext
from worker.heartbeat import WorkerLife

app = create_app()
dramatiq.get_broker().add_middleware(AppContext(app))
dramatiq.get_broker().add_middleware(WorkerLife(app))
declare_all()
