"""`Idempotency-Key`: a write under a key that was used before is answered as it was, and done once.

The row is written in the transaction of the work itself, so both are there or neither. A second request with the same
key waits for the first one's transaction and then finds its answer. Refusals are not kept: they changed nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flask import Response, request
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.api.errors import Refused
from dashboard.api.models import IdempotentAnswer
from dashboard.extensions import db, transaction, utc_now

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEPT: Final = timedelta(hours=24)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Once:
    """One write that is to be done once."""

    api_key_id: int
    key: str
    fingerprint: str

    def reserve(self, location: str = "") -> Response | None:
        """The kept answer, or None: then the work is ours. Inside `transaction()`.

        Raises Refused (409) where the key was used for another request, or its first user is still at work.
        """
        now = utc_now()
        db.session.execute(delete(IdempotentAnswer).where(IdempotentAnswer.created_at < now - KEPT))
        insert = sqlite.insert if db.engine.dialect.name == "sqlite" else postgresql.insert
        row = {"api_key_id": self.api_key_id, "key": self.key, "fingerprint": self.fingerprint, "created_at": now}
        statement = insert(IdempotentAnswer).values(status=0, body="", location=location, **row)
        written = db.session.execute(statement.on_conflict_do_nothing().returning(IdempotentAnswer.key)).first()
        return None if written is not None else self._kept()

    def keep(self, response: Response) -> None:
        """Write the answer down for those who ask again. Inside `transaction()`."""
        db.session.execute(
            update(IdempotentAnswer)
            .where(*self._mine())
            .values(status=response.status_code, body=response.get_data(as_text=True))
        )

    def forget(self) -> None:
        """Nothing was done: the key may be used again. Inside `transaction()`."""
        db.session.execute(delete(IdempotentAnswer).where(*self._mine()))

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (IdempotentAnswer.api_key_id == self.api_key_id, IdempotentAnswer.key == self.key)

    def _kept(self) -> Response:
        row = db.session.execute(
            select(
                IdempotentAnswer.fingerprint, IdempotentAnswer.status, IdempotentAnswer.body, IdempotentAnswer.location
            ).where(*self._mine())
        ).one()
        if row.fingerprint != self.fingerprint:
            raise Refused(
                409,
                "idempotency_key_reused",
                "This Idempotency-Key was used for another request.",
                field=HEADER,
                hint="Use a new key for each new request; keys are kept for 24 hours.",
            )
        if row.status == 0:
            raise Refused(
                409,
                "idempotency_in_progress",
                "The first request with this Idempotency-Key has not been answered yet.",
                field=HEADER,
                hint=f"Ask again in a moment{', or look at ' + row.location if row.location else ''}.",
                headers={"Retry-After": "1"},
            )
        return Response(row.body, row.status, {REPLAYED: "true"}, mimetype="application/json")


def this_once(api_key_id: int) -> Once | None:
    """The key of this request; None where it has none. Raises Refused (422) for one that cannot be a key."""
    key = _key()
    if key is None:
        return None
    text = f"{request.method} {request.full_path}\n".encode() + request.get_data()
    return Once(api_key_id, key, hashlib.sha256(text).hexdigest())


class OnceOfAFile:
    """The same for a body that is too large for memory: its fingerprint is there when the stream was read."""

    def __init__(self, api_key_id: int) -> None:
        """Raises Refused (422) for a header that cannot be a key."""
        self._api_key_id, self._key = api_key_id, _key()
        self._hash = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
        self.answer = Response(status=409)

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes of the body."""
        piece = request.stream.read(size)
        self._hash.update(piece)
        return piece

    def first(self) -> bool:
        """Whether the work is ours; else `answer` has what is kept. Inside `transaction()`, as `Once.reserve`."""
        once = self._once
        kept = once.reserve() if once is not None else None
        if kept is not None:
            self.answer = kept
        return kept is None

    def keep(self, response: Response) -> None:
        """Take the answer, and write it down for those who ask again. Inside `transaction()`."""
        self.answer, once = response, self._once
        if once is not None:
            once.keep(response)

    @property
    def _once(self) -> Once | None:
        return Once(self._api_key_id, self._key, self._hash.hexdigest()) if self._key is not None else None


def _key() -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Refused(
            422,
            "invalid",
            "An Idempotency-Key has 1 to 200 visible ASCII characters.",
            field=HEADER,
            hint="Use a UUID.",
        )
    return key


def do_once(once: Once | None, work: Callable[[], Response]) -> Response:
    """Answer from what is kept, or do the work and keep its answer, in one transaction."""
    if once is None:
        return work()
    with transaction():
        kept = once.reserve()
        if kept is not None:
            return kept
        response = work()
        once.keep(response)
        return response
