"""What ends a pass over an import, in words for the operator: the lease gone, the file or the disk at fault."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
from collections.abc import Callable
from typing import Final

from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from dashboard.audiences.models import DatasetVersion, ImportState
from dashboard.extensions import write_connection
from worker.imports.leases import LeaseLost, Work
from worker.imports.reading import Unreadable
from worker.queues import Queue, enqueue

logger = logging.getLogger(__name__)
DISK_FULL: Final = (
    "The disk of this installation is full. Nothing was changed in the audience. Ask an administrator to make room, "
    "then check again."
)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def in_words(work: Work, run: Callable[[], bool]) -> bool:
    """One pass, `run`, and its answer (True = nothing more to do). The lease is given back in every case.

    A lost lease ends it quietly; a fault of the file or a full disk fails the import with its words; anything else is
    raised, and the next try can begin at once.
    """
    collecting = gc.isenabled()
    gc.disable()  # rows are lists without cycles, by the million: looking for cycles in them costs half the time
    try:
        return run()
    except LeaseLost:
        logger.info("import taken over or cancelled", extra={"import_id": work.id})
    except Unreadable as problem:
        _fail(work, problem.message)
    except FileNotFoundError:
        _fail(work, "The uploaded file is not there any more. Upload it again.")
    except (OSError, OperationalError) as error:
        if not is_disk_full(error):
            raise
        _fail(work, DISK_FULL)
    finally:
        if collecting:
            gc.enable()
        work.release()
    return True


def is_disk_full(error: Exception) -> bool:
    """Whether the disk, or the quota on it, is used up (the database says it in words only)."""
    return getattr(error, "errno", None) in _FULL or "disk is full" in str(error) or "No space left" in str(error)


def _fail(work: Work, words: str) -> None:
    """Fail the import with these words; what a load has stored so far goes, which also makes room on a full disk."""
    with contextlib.suppress(LeaseLost), write_connection() as connection:
        work.finish(ImportState.FAILED, connection, problem=words)
        if work.state == ImportState.LOADING:
            half_done = (DatasetVersion.id == work.version_id, ~DatasetVersion.ready)
            connection.execute(update(DatasetVersion).where(*half_done).values(audience_id=None))
    enqueue("purge_versions", queue=Queue.IMPORTS)
