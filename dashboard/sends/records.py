"""The rows that every order writes, whoever hands it over: records, references, the job's owner.

Plain statements and no objects: a request of one message has five milliseconds for everything but its provider.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.current import current_settings
from dashboard.direct import Batch, Rows
from dashboard.extensions import utc_now
from dashboard.sends.models import ApiJob, MessageReference
from dashboard.sends.orders import Addressee, Order
from worker.engine.sealed import masked, sealed

_DATASET = Rows(DatasetVersion, "id", "ready", "record_count", "created_at")
_COLUMNS = ("record_no", "email", "phone", "push_token", "external_id", "variables")
_RECORDS = Rows(Record, "dataset_version_id", *_COLUMNS)
#: A column of each as one array: of ten thousand rows PostgreSQL takes a list of statements ten times as long.
_MANY_RECORDS = (
    f"INSERT INTO records (dataset_version_id, {', '.join(_COLUMNS)})"  # noqa: S608 - names of ours
    " SELECT %s, * FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
)
_MANY = 50
_OWNER = Rows(ApiJob, "job_id", "send_id", "api_key_id", "reference", "data", "send_at", "created_at")
_REFERENCES = Rows(MessageReference, "reference", "message_id")


def add_records(batch: Batch, order: Order, dataset_id: int, *, for_workers: bool = False) -> None:
    """A dataset version of that id with the order's recipients.

    Of secrets only that they were there is written, sealed for workers where they are to send them.
    """
    add_dataset(batch, dataset_id, len(order.addressees))
    rows = [
        _record(dataset_id, number, order, addressee, for_workers) for number, addressee in enumerate(order.addressees)
    ]
    if len(rows) >= _MANY:
        batch.then(lambda connection: _write_many(connection, dataset_id, rows))
    else:
        batch.add(_RECORDS, *rows)


def add_dataset(batch: Batch, dataset_id: int, count: int) -> None:
    """A dataset version of so many records, which stands in no audience."""
    batch.add(_DATASET, {"id": dataset_id, "ready": True, "record_count": count, "created_at": utc_now()})


def _write_many(connection: Connection, dataset_id: int, rows: Sequence[Mapping[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_MANY_RECORDS, (dataset_id, *([row[name] for row in rows] for name in _COLUMNS)))
    else:
        batch = Batch()
        batch.add(_RECORDS, *rows)
        batch.write(connection)


def add_owner(batch: Batch, order: Order, send_id: int, job_id: int, first_message_id: int) -> None:
    """Whose job it is, and the caller's references to its messages.

    Without an API key (id 0: somebody at the desk) there is nothing to write.
    """
    if not order.caller.id:
        return
    batch.add(
        _OWNER,
        {
            "job_id": job_id,
            "send_id": send_id,
            "api_key_id": order.caller.id,
            "reference": order.reference,
            "data": dict(order.metadata),
            "send_at": order.send_at,
            "created_at": utc_now(),
        },
    )
    references = [
        {"reference": addressee.reference, "message_id": first_message_id + number}
        for number, addressee in enumerate(order.addressees)
        if addressee.reference
    ]
    batch.add(_REFERENCES, *references)


def _record(dataset_id: int, number: int, order: Order, addressee: Addressee, for_workers: bool) -> dict[str, Any]:
    values = {**order.variables, **addressee.variables}
    if addressee.secrets:
        secrets = addressee.secrets
        values.update(sealed(secrets, current_settings().key) if for_workers else masked(secrets))
    return {
        "dataset_version_id": dataset_id,
        "record_no": number,
        "email": addressee.email,
        "phone": addressee.phone,
        "push_token": addressee.push_token,
        "external_id": addressee.external_id,
        "variables": json.dumps(values),
    }
