"""Bringing audience files in, checking and loading them, and deleting what is left of old ones.

All are hints: the import's state and lease in the database say what is to be done, so one that comes twice finds
nothing to do. A pass works for a slice of 20 s and gets in line again, so that two imports share the lane.
"""

from __future__ import annotations

import logging

import dramatiq
from sqlalchemy.exc import InterfaceError, OperationalError

from dashboard.audiences.import_services import complete_upload
from worker.imports.checking import run_check
from worker.imports.fetching import LONGEST_SECONDS, run_fetch
from worker.imports.loading import run_load
from worker.imports.purging import purge_versions as purge_some
from worker.queues import Queue, enqueue

logger = logging.getLogger(__name__)

#: The one step of a pass that is not cut into slices, the search for duplicates, takes a second per million rows.
_TIME_LIMIT = 30 * 60 * 1000
_FETCH_LIMIT = int(LONGEST_SECONDS * 1000) + 60_000


@dramatiq.actor(queue_name=Queue.IMPORTS.value, max_retries=2, time_limit=_FETCH_LIMIT)
def fetch_import(import_id: int) -> None:
    """Bring the file of an import from its web address, then look at it."""
    if run_fetch(import_id):
        complete_upload(import_id=import_id)


@dramatiq.actor(queue_name=Queue.IMPORTS.value, max_retries=2, time_limit=_TIME_LIMIT)
def check_import(import_id: int) -> None:
    """One slice of the check of an import; then the next one gets in line."""
    if not run_check(import_id):
        enqueue("check_import", import_id, queue=Queue.IMPORTS)


@dramatiq.actor(queue_name=Queue.IMPORTS.value, max_retries=2, time_limit=_TIME_LIMIT)
def load_import(import_id: int) -> None:
    """One slice of the load of an import; then the next one gets in line."""
    if not run_load(import_id):
        enqueue("load_import", import_id, queue=Queue.IMPORTS)


@dramatiq.actor(queue_name=Queue.IMPORTS.value, max_retries=0, time_limit=_TIME_LIMIT)
def purge_versions() -> None:
    """Delete records that nobody needs any more, for a while; then get in line again."""
    try:
        done = purge_some()
    except (OperationalError, InterfaceError) as error:
        logger.warning("the database is away", extra={"error": type(error).__name__})
        return
    if not done:
        enqueue("purge_versions", queue=Queue.IMPORTS)
