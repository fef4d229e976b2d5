"""What a worker process loads: `dramatiq worker.entrypoint --queues bulk`."""

from __future__ import annotations

import dramatiq

from dashboard import create_app
from worker.actors import declare_all
from worker.broker import AppContext
from worker.heartbeat import WorkerLife
from worker.processes import die_with_parent

die_with_parent()  # a worker whose master was killed would go on unseen, beside the one that replaces it
app = create_app()
dramatiq.get_broker().add_middleware(AppContext(app))
dramatiq.get_broker().add_middleware(WorkerLife(app))
declare_all()
