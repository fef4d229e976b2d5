"""From a record to an email: values by precedence, the rendered parts, envelope and headers of our own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dashboard.ids import public_id
from dashboard.messages.models import MessageState
from dashboard.suppressions.tokens import unsubscribe_url
from worker.engine.plan import Plan
from worker.engine.rows import NewRow, RecordRow
from worker.providers.base import OutgoingEmail
from worker.rendering.addresses import check_address
from worker.rendering.content import RenderedEmail
from worker.rendering.passages import BodyRuns
from worker.rendering.values import merge, record_values

_ADDRESS_COLUMNS = frozenset({"email", "phone", "external_id"})
TEST_MARK = "[TEST] "


class BadAddress(Exception):
    """The record has no address that could be written to; `code` is no_address or invalid_address."""

    def __init__(self, code: str, words: str, recipient: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.recipient = recipient


class Composer:
    """Makes the emails of one job; not to be shared between threads."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._domain = plan.from_address.rpartition("@")[2]
        self._links = plan.facts.promotional or "unsubscribe_url" in plan.compiled.variables
        self._second = 0
        self._date = datetime.now(UTC)

    def recipient(self, record: RecordRow) -> str:
        """The address to write to, ready for the envelope. Raises BadAddress."""
        column = self._plan.facts.recipient_column
        address = written_address(record, column)
        if not address:
            raise BadAddress("no_address", f"The record has nothing in {column}.", "")
        try:
            return check_address(address)
        except ValueError as error:
            raise BadAddress("invalid_address", f"{column}: {error}.", address[:320]) from error

    def expired(self, record: RecordRow) -> NewRow:
        """The row of a record that was reached too late."""
        address = written_address(record, self._plan.facts.recipient_column)[:320]
        return NewRow(record.record_no, address, MessageState.EXPIRED, "expired")

    def layers(self, message_id: int, record: RecordRow) -> dict[str, Mapping[str, Any]]:
        """Every value of a message under the name of its source, as in worker.rendering.values.SOURCES."""
        plan = self._plan
        system: dict[str, Any] = {"message_id": public_id("msg", message_id)}
        if self._links:
            system["unsubscribe_url"] = unsubscribe_url(plan.base_url, message_id, key=plan.key)
        return {
            "global": plan.global_values,
            "record": record_values(
                _variables(record), email=record.email, phone=record.phone, external_id=record.external_id
            ),
            "call": plan.call_values,
            "system": system,
        }

    def compose(self, message_id: int, record: RecordRow, recipient: str) -> OutgoingEmail:
        """The email for a record. Raises RenderError."""
        plan = self._plan
        layers = self.layers(message_id, record)
        rendered, runs = plan.compiled.render_in_runs(merge(layers))
        if plan.facts.is_test:
            rendered = replace(rendered, subject=TEST_MARK + rendered.subject)
        message_id_header = f"<{layers['system']['message_id']}@{self._domain}>"
        headers = self._headers(layers["system"])
        return OutgoingEmail(
            reference=message_id,
            envelope_from=plan.from_address,
            recipients=tuple(dict.fromkeys((recipient, *rendered.cc, *rendered.bcc))),
            to=recipient,
            from_address=plan.from_address,
            message_id=message_id_header,
            rendered=rendered,
            mime=partial(self._built, plan.builder.build, rendered, runs, recipient, message_id_header, headers),
            data=partial(
                self._built, plan.builder.build_for_data, rendered, runs, recipient, message_id_header, headers
            ),
            from_name=rendered.from_name or plan.from_name,
            headers=(*rendered.headers, *headers),
            attachments=plan.attachments,
        )

    def _headers(self, system: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """One-click unsubscribing (RFC 8058) for promotional mail."""
        if not self._plan.facts.promotional:
            return ()
        return (
            ("List-Unsubscribe", f"<{system['unsubscribe_url']}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )

    def _built(
        self,
        build: Callable[..., bytes],
        rendered: RenderedEmail,
        runs: BodyRuns,
        to: str,
        message_id: str,
        headers: tuple[tuple[str, str], ...],
        eight_bit: bool,
    ) -> bytes:
        return build(
            rendered,
            to=to,
            message_id=message_id,
            date=self._now(),
            extra_headers=headers,
            eight_bit=eight_bit,
            runs=runs,
        )

    def _now(self) -> datetime:
        """This second; one object for all its messages, so that its text can be kept."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, datetime.fromtimestamp(second, UTC)
        return self._date


def written_address(record: RecordRow, column: str) -> str:
    """What stands in the recipient column, which is an address column or a variable; empty where nothing does."""
    value = getattr(record, column) if column in _ADDRESS_COLUMNS else _variables(record).get(column)
    return "" if value is None else str(value).replace("\x00", "").strip()


def _variables(record: RecordRow) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(record.variables) if record.variables else {}
    return values
