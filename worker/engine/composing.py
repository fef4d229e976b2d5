"""From a record to a message, whatever the channel: values by precedence, the address, and what a channel adds."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from dashboard.ids import public_id
from dashboard.messages.models import MessageState
from dashboard.suppressions.tokens import unsubscribe_url
from worker.engine.plan import Plan
from worker.engine.recipients import recorded
from worker.engine.rows import NewRow, RecordRow
from worker.engine.sealed import SEALED, opened
from worker.providers.base import Outgoing
from worker.rendering.content import Rendered
from worker.rendering.values import merge, record_values

_decode = json.JSONDecoder().raw_decode
_ADDRESS_COLUMNS = frozenset({"email", "phone", "external_id", "push_token"})
TEST_MARK = "[TEST] "


class BadAddress(Exception):
    """The record has no address that could be written to; `code` is no_address or invalid_address."""

    def __init__(self, code: str, words: str, recipient: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.recipient = recipient


class Composer(ABC):
    """Makes the messages of one job; not to be shared between threads. One subclass for each channel."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._links = plan.facts.promotional or "unsubscribe_url" in plan.compiled.variables

    @abstractmethod
    def checked(self, address: str) -> str:
        """The address as the provider and the ledger want it. Raises ValueError with words for what is wrong."""

    @abstractmethod
    def compose(self, message_id: int, record: RecordRow, recipient: str) -> Outgoing:
        """The message for a record, ready for a session. Raises RenderError."""

    @abstractmethod
    def source(self, message_id: int, record: RecordRow, recipient: str) -> str:
        """The message as text, for whoever looks at what was sent. Raises RenderError."""

    def recipient(self, record: RecordRow) -> str:
        """The address to write to, as the ledger keeps it. Raises BadAddress."""
        column = self._plan.facts.recipient_column
        address = written_address(record, column)
        if not address:
            raise BadAddress("no_address", f"The record has nothing in {column}.", "")
        try:
            return self.checked(address)
        except ValueError as error:
            raise BadAddress("invalid_address", f"{column}: {error}.", recorded(address)) from error

    def zone(self, record: RecordRow, column: str) -> str:
        """What the record has as its recipient's time zone; "" for nothing."""
        return written_address(record, column)

    def held(self, record: RecordRow) -> NewRow:
        """The row of a record whose recipient's hours have not come."""
        address = written_address(record, self._plan.facts.recipient_column)[:320]
        return NewRow(record.record_no, address, MessageState.HELD)

    def expired(self, record: RecordRow) -> NewRow:
        """The row of a record that was reached too late."""
        address = recorded(written_address(record, self._plan.facts.recipient_column))
        return NewRow(record.record_no, address, MessageState.EXPIRED, "expired")

    def layers(self, message_id: int, record: RecordRow) -> dict[str, Mapping[str, Any]]:
        """Every value of a message under the name of its source, as in worker.rendering.values.SOURCES."""
        plan = self._plan
        return {
            "global": plan.global_values,
            "event": plan.event_values,
            "record": record_values(
                self._opened(record), email=record.email, phone=record.phone, external_id=record.external_id
            ),
            "call": plan.call_values,
            "system": self._system(message_id),
        }

    def values(self, message_id: int, record: RecordRow) -> dict[str, Any]:
        """`merge(layers(…))` in a third of the time; a test holds them equal."""
        plan = self._plan
        values = {**plan.global_values, **plan.event_values}
        if record.email is not None:
            values["email"] = record.email
        if record.phone is not None:
            values["phone"] = record.phone
        if record.external_id is not None:
            values["external_id"] = record.external_id
        values.update(self._opened(record))
        if plan.call_values:
            values.update(plan.call_values)
        values.update(self._system(message_id))
        return values

    def _opened(self, record: RecordRow) -> dict[str, Any]:
        values = _variables(record)
        return opened(values, self._plan.facts.channel, self._plan.key) if SEALED in values else values

    def _system(self, message_id: int) -> dict[str, Any]:
        public, plan = public_id("msg", message_id), self._plan
        if not self._links:
            return {"message_id": public}
        return {"message_id": public, "unsubscribe_url": unsubscribe_url(plan.base_url, public, key=plan.key)}

    def rendered(self, layers: Mapping[str, Mapping[str, Any]]) -> Rendered:
        """What the recipient will read, a test marked as one. Raises RenderError, also for what nobody would take."""
        rendered = self._plan.compiled.render(merge(layers))
        if self._plan.facts.is_test:
            rendered = rendered.marked(TEST_MARK)
        rendered.check()
        return rendered


def written_address(record: RecordRow, column: str) -> str:
    """What stands in the recipient column, which is an address column or a variable; empty where nothing does."""
    value = getattr(record, column) if column in _ADDRESS_COLUMNS else _variables(record).get(column)
    return "" if value is None else str(value).replace("\x00", "").strip()


def _variables(record: RecordRow) -> dict[str, Any]:
    text = record.variables
    if not text:
        return {}
    values: dict[str, Any]
    if text[0] == "{":  # as we write them; what json.loads does around its scanner takes as long as the scanner
        values, end = _decode(text)
        if end == len(text):
            return values
    values = json.loads(text)
    return values
