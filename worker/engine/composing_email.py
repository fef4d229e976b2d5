"""Emails of a job: envelope, headers of our own, and the message made when the provider asks for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from worker.engine.composing import TEST_MARK, Composer
from worker.engine.plan import Plan
from worker.engine.return_path import return_address
from worker.engine.rows import RecordRow
from worker.providers.base import OutgoingEmail
from worker.rendering.addresses import check_address
from worker.rendering.compiler import CompiledEmail
from worker.rendering.content import RenderedEmail
from worker.rendering.mime import MimeBuilder
from worker.rendering.passages import BodyRuns


class EmailComposer(Composer):
    """Makes the emails of one job."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if not isinstance(plan.compiled, CompiledEmail) or plan.builder is None:
            raise TypeError("the job sends no email")
        self._compiled = plan.compiled
        self._builder = plan.builder
        self._domain = plan.from_address.rpartition("@")[2]
        self._second = 0
        self._date = datetime.now(UTC)

    def checked(self, address: str) -> str:
        """The address, ready for the envelope."""
        return check_address(address)

    def compose(self, message_id: int, record: RecordRow, recipient: str) -> OutgoingEmail:
        """The email for a record. Raises RenderError."""
        plan = self._plan
        values = self.values(message_id, record)
        rendered, runs = self._compiled.render_in_runs(values)
        if plan.facts.is_test:
            rendered = rendered.marked(TEST_MARK)
        message_id_header = f"<{values['message_id']}@{self._domain}>"
        headers = self._headers(values)
        draft = _Draft(self, self._builder, rendered, runs, recipient, message_id_header, headers)
        copies = (*rendered.cc, *rendered.bcc)
        return OutgoingEmail(
            reference=message_id,
            envelope_from=self._envelope_from(message_id),
            recipients=tuple(dict.fromkeys((recipient, *copies))) if copies else (recipient,),
            to=recipient,
            from_address=plan.from_address,
            message_id=message_id_header,
            rendered=rendered,
            mime=draft.mime,
            from_name=rendered.from_name or plan.from_name,
            headers=(*rendered.headers, *headers) if rendered.headers else headers,
            attachments=plan.attachments,
            data=draft.data,
        )

    def source(self, message_id: int, record: RecordRow, recipient: str) -> str:
        """The RFC 5322 message."""
        return self.compose(message_id, record, recipient).mime(True).decode("utf-8", "replace")

    def _envelope_from(self, message_id: int) -> str:
        plan = self._plan
        if not plan.bounce_address:
            return plan.from_address
        return return_address(plan.bounce_address, message_id, key=plan.key)

    def _headers(self, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """One-click unsubscribing (RFC 8058) for promotional mail."""
        if not self._plan.facts.promotional:
            return ()
        return (
            ("List-Unsubscribe", f"<{values['unsubscribe_url']}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )

    def now(self) -> datetime:
        """This second; one object for all its messages, so that its text can be kept."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, datetime.fromtimestamp(second, UTC)
        return self._date


class _Draft(NamedTuple):
    """An email that a session may want in one of two shapes."""

    composer: EmailComposer
    builder: MimeBuilder
    rendered: RenderedEmail
    runs: BodyRuns
    to: str
    message_id: str
    headers: tuple[tuple[str, str], ...]

    def mime(self, eight_bit: bool) -> bytes:
        return self.builder.build(
            self.rendered,
            to=self.to,
            message_id=self.message_id,
            date=self.composer.now(),
            extra_headers=self.headers,
            eight_bit=eight_bit,
            runs=self.runs,
        )

    def data(self, eight_bit: bool) -> bytes:
        return self.builder.build_for_data(
            self.rendered,
            to=self.to,
            message_id=self.message_id,
            date=self.composer.now(),
            extra_headers=self.headers,
            eight_bit=eight_bit,
            runs=self.runs,
        )
