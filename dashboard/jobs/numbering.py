"""Ids for the messages of a job, in one block: nobody else gets them, and they are never older than now.

On PostgreSQL a block is taken apart from the transaction around, and at once: its row is locked until the commit, and
every sender would wait for a launch that writes a thousand chunks. A block whose transaction failed is left unused.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, bindparam, case, func
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.direct import Look
from dashboard.extensions import BigId, db, single_reads, utc_now
from dashboard.ids import id_at
from dashboard.messages.partitions import ensure_ids
from dashboard.system.models import IdBlock

_NAME: Final = "messages"


def _taking(insert: Any, *more: Any) -> Look:
    """The id after the block, whose row is made with the first one. Built once."""
    now, count = bindparam("now", type_=BigId), bindparam("count", type_=BigId)
    begin = case((IdBlock.next_id > now, IdBlock.next_id), else_=now)
    statement = insert(IdBlock).values(name=_NAME, next_id=now + count)
    taken = statement.on_conflict_do_update(index_elements=["name"], set_={"next_id": begin + count})
    return Look(taken.returning(IdBlock.next_id, *more))


_ON_SQLITE = _taking(sqlite.insert)
# Not waiting for the disk: what is written with these ids is written to it later, and takes this along.
_ON_POSTGRES = _taking(postgresql.insert, func.set_config("synchronous_commit", "off", True))


def allocate_message_ids(count: int) -> int:
    """The first of `count` ids that nobody else gets; never before now, so ids stay in the order of time."""
    now = id_at(utc_now())
    if db.engine.dialect.name == "postgresql":
        with single_reads() as connection:
            following = _taken(connection, _ON_POSTGRES, now, count)
    else:
        following = _taken(db.session.connection(), _ON_SQLITE, now, count)
    first = following - count
    ensure_ids(db.session.connection(), first, count)
    return first


def _taken(connection: Connection, look: Look, now: int, count: int) -> int:
    return int(look.rows(connection, {"now": now, "count": count})[0][0])
