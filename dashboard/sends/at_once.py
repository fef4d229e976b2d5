"""Sending within the request: everything is written before the provider gets a message, and its answer after.

One transaction books a job, its only chunk (under a lease of ours) and its rows as `sending`; the engine hands them
over; another one books the outcomes. A process that dies in between leaves rows that a worker settles.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from dashboard.current import current_settings
from dashboard.direct import Batch, Rows
from dashboard.extensions import db, only_write, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Chunk, ChunkState, Job, JobKind, JobState
from dashboard.jobs.numbering import allocate_message_ids
from dashboard.message_templates.models import Category
from dashboard.messages.models import MessageState
from dashboard.problems import DomainError
from dashboard.sends.orders import ADDRESS_COLUMNS, Addressee, Order, Target, targets_of
from dashboard.sends.records import add_owner, add_records
from dashboard.sends.services import LANES, check_times
from worker.engine.attempts import Verdict
from worker.engine.chunks import Hold, new_owner
from worker.engine.clock import Clock
from worker.engine.composers import composer_for
from worker.engine.composing import BadAddress
from worker.engine.dialects import ledger_for
from worker.engine.first_rows import add_messages
from worker.engine.immediate import Handover
from worker.engine.plan import CannotSend, Plan, plan_of
from worker.engine.providers import provider_limits
from worker.engine.routing import only
from worker.engine.rows import NewRow, RecordRow, Row
from worker.engine.ways import Way

#: More recipients than this belong to the workers.
MOST = 100
_JOB = Rows(
    Job, "id", "kind", "state", "channel", "category", "template_id", "template_version_id", "dataset_version_id",
    "recipient_column", "provider_id", "from_address", "from_name", "route", "global_values", "resend_unknown",
    "first_message_id", "record_count", "chunk_size", "queue", "expires_at", "created_by", "created_at", "started_at",
)  # fmt: skip
#: The states in which rows begin; counters of the chunk have the same names.
_BEGINNINGS = (MessageState.SENDING.value, MessageState.FAILED.value, MessageState.SUPPRESSED.value)
_CHUNK = Rows(
    Chunk, "job_id", "chunk_no", "first_record", "last_record", "cursor", "state", "lease_owner", "lease_until",
    *_BEGINNINGS,
)  # fmt: skip
_CLOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One job of the request. `verdicts` by message id; those without one are still with the provider."""

    job_id: int
    target: Target
    first_message_id: int
    verdicts: dict[int, Verdict]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request that waited has got."""

    send_id: int
    jobs: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """One channel of the request with all that is written of it."""

    target: Target
    job: dict[str, Any]
    plan: Plan
    new: list[NewRow]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class _Booked:
    target: Target
    handover: Handover
    known: dict[int, Verdict]


def send_at_once(
    order: Order,
    *,
    seconds: float,
    first: Callable[[int], bool] = lambda _: True,
    booked: Callable[[Batch, dict[str, int]], None] = lambda *_: None,
) -> Answer | None:
    """Send an order and wait for at most so long. Raises DomainError or NotAllowed for what cannot be sent at all.

    `first` is called with the id of the request inside the transaction that books it; None where it says no. `booked`
    adds to what is written there, and is given the id of the first message by channel.
    """
    if len(order.addressees) > MOST:
        raise DomainError(f"At most {MOST} recipients at once. Leave out mode to send to more.", field="recipients")
    ends_at, send_id = time.monotonic() + seconds, new_id()
    with transaction():
        if not first(send_id):
            return None
        check_times(order)
        dataset_id, connection = new_id(), db.session.connection()
        drafts = [_draft(order, target.by_weight(), dataset_id) for target in targets_of(order)]
        batch = Batch()
        add_records(batch, order, dataset_id)
        parts = [_book(batch, order, draft, send_id, ends_at) for draft in drafts]
        booked(batch, {part.target.channel: part.handover.plan.facts.first_message_id for part in parts})
        only_write(connection)  # everything is known: what follows takes PostgreSQL one round trip
        batch.write(connection)
    for part in parts:
        part.handover.start()
    return Answer(send_id, tuple(_sent(part) for part in parts))


def _sent(part: _Booked) -> Sent:
    facts = part.handover.plan.facts
    verdicts = part.known | part.handover.wait()
    return Sent(facts.job_id, part.target, facts.first_message_id, verdicts)


def _draft(order: Order, target: Target, dataset_id: int) -> _Part:
    """Everything that has to be read for one channel."""
    engine = db.engine
    job = _job(order, target, dataset_id)
    row = Job(**job)
    try:
        plan = plan_of(db.session(), current_settings(), row, only(row, target.provider), signs=target.signs)
    except CannotSend as problem:
        raise DomainError(str(problem), code="cannot_send") from problem
    new, rows = _rows(db.session.connection(), engine, plan, order.addressees, order.variables)
    return _Part(target, job, plan, new, rows)


def _book(batch: Batch, order: Order, draft: _Part, send_id: int, ends_at: float) -> _Booked:
    """Write down one channel."""
    settings, engine = current_settings(), db.engine
    clock, job, plan = clock_of(engine), draft.job, draft.plan
    batch.add(_JOB, job)
    hold = _hold(batch, job["id"], draft.new, clock, settings.lease_seconds)
    add_messages(batch, engine, plan.facts, draft.new, clock.now())
    add_owner(batch, order, send_id, job["id"], job["first_message_id"])
    limits = provider_limits(draft.target.provider, plan.facts.job_id)
    way = Way(draft.target.stops, job)
    handover = Handover(engine, settings, plan, hold, draft.rows, clock, ends_at, limits, way)
    known = {
        job["first_message_id"] + row.record_no: Verdict(row.state, row.code or "", row.detail or "")
        for row in draft.new
        if row.state is not MessageState.SENDING
    }
    return _Booked(draft.target, handover, known)


def _job(order: Order, target: Target, dataset_id: int) -> dict[str, Any]:
    """The columns of the job. It ends with the request, so no lane is told of it."""
    count, now = len(order.addressees), utc_now()
    return {
        "id": new_id(),
        "kind": JobKind.API.value,
        "state": JobState.RUNNING.value,
        "channel": target.channel,
        "category": target.category,
        "template_id": target.template.id,
        "template_version_id": target.version.id,
        "dataset_version_id": dataset_id,
        "recipient_column": ADDRESS_COLUMNS[target.channel],
        "provider_id": target.provider.id,
        "from_address": target.sender.address,
        "from_name": target.sender.name,
        "route": [stop.as_kept() for stop in target.stops],
        "global_values": dict(target.global_values),
        "call_values": {},
        "is_test": False,
        "resend_unknown": False,  # whoever waited was told that it is unknown: they decide
        "first_message_id": allocate_message_ids(count),
        "record_count": count,
        "chunk_size": count,
        "queue": LANES[Category(target.category)].value,
        "expires_at": order.expires_at,
        "created_by": order.caller.created_by,
        "created_at": now,
        "started_at": now,
    }


def _rows(
    connection: Connection, engine: Engine, plan: Plan, addressees: Sequence[Addressee], variables: Any
) -> tuple[list[NewRow], list[Row]]:
    """Every row of the ledger, and those of them that are to be handed over."""
    composer, ledger = composer_for(plan), ledger_for(engine)
    new: list[NewRow] = []
    addressed: list[tuple[RecordRow, str]] = []
    for number, addressee in enumerate(addressees):
        record = _record(number, addressee, variables, plan.facts.channel)
        try:
            addressed.append((record, composer.recipient(record)))
        except BadAddress as problem:
            new.append(NewRow(number, problem.recipient, MessageState.FAILED, problem.code, problem.words))
    wanted = [address.lower() for _, address in addressed]
    reasons = ledger.suppressed(connection, plan.facts.channel, wanted, plan.facts.suppression_scopes)
    rows = []
    for record, address in addressed:
        reason = reasons.get(address.lower())
        if reason is not None:
            new.append(NewRow(record.record_no, address, MessageState.SUPPRESSED, reason))
            continue
        new.append(NewRow(record.record_no, address, MessageState.SENDING))
        rows.append(Row(plan.facts.first_message_id + record.record_no, 0, record, address))
    return new, rows


def _record(number: int, addressee: Addressee, variables: Any, channel: str) -> RecordRow:
    values = json.dumps({**variables, **addressee.variables, **addressee.secrets.get(channel, {})})
    return RecordRow(number, addressee.email, addressee.phone, addressee.external_id, values, addressee.push_token)


def _hold(batch: Batch, job_id: int, new: Sequence[NewRow], clock: Clock, lease_seconds: float) -> Hold:
    """The job's only chunk, in our hands from its first moment."""
    owner, count = new_owner(), len(new)
    counted = Counter(row.state.value for row in new)
    chunk = {
        "job_id": job_id,
        "chunk_no": 0,
        "first_record": 0,
        "last_record": count - 1,
        "cursor": count,
        "state": ChunkState.LEASED.value,
        "lease_owner": owner,
        "lease_until": clock.now() + timedelta(seconds=lease_seconds),
        **{state: counted[state] for state in _BEGINNINGS},
    }
    batch.add(_CHUNK, chunk)
    return Hold(
        job_id=job_id,
        chunk_no=0,
        owner=owner,
        first_record=0,
        last_record=count - 1,
        cursor=count,
        queued=0,
        valid_until=time.monotonic() + lease_seconds,
    )


@dataclass(slots=True)
class _KeptClock:
    clock: Clock
    asked_at: float


_clocks: WeakKeyDictionary[Engine, _KeptClock] = WeakKeyDictionary()


def clock_of(engine: Engine) -> Clock:
    """The clock that leases are compared with; asking the database once a minute is enough for that."""
    found = _clocks.get(engine)
    if found is None or time.monotonic() - found.asked_at > _CLOCK_SECONDS:
        found = _clocks[engine] = _KeptClock(Clock.of(engine), time.monotonic())
    return found.clock
