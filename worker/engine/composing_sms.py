"""Text messages of a job."""

from __future__ import annotations

import json

from worker.engine.composing import Composer
from worker.engine.plan import Plan
from worker.engine.recipients import mobile_number
from worker.engine.rows import RecordRow
from worker.providers.base import OutgoingSms
from worker.rendering.sms import CompiledSms, RenderedSms


class SmsComposer(Composer):
    """Makes the text messages of one job."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if not isinstance(plan.compiled, CompiledSms):
            raise TypeError("the job sends no SMS")
        self._registered = plan.compiled.content.registered_template

    def checked(self, address: str) -> str:
        """The number as E.164; landlines are refused."""
        return mobile_number(address, self._plan.country)

    def compose(self, message_id: int, record: RecordRow, recipient: str) -> OutgoingSms:
        """The text message for a record. Raises RenderError."""
        rendered = self.rendered(self.layers(message_id, record))
        if not isinstance(rendered, RenderedSms):
            raise TypeError("an SMS template renders SMS")
        facts = self._plan.facts
        return OutgoingSms(
            reference=message_id,
            to=recipient,
            sender=self._plan.from_address,
            text=rendered.text,
            encoding=rendered.encoding,
            segments=rendered.segments,
            category=facts.category,
            registered_template=self._registered,
            expires_at=facts.expires_at,
        )

    def source(self, message_id: int, record: RecordRow, recipient: str) -> str:
        """The message as a JSON object."""
        message = self.compose(message_id, record, recipient)
        shown = {
            "to": message.to,
            "sender": message.sender,
            "text": message.text,
            "encoding": message.encoding,
            "segments": message.segments,
            "registered_template": message.registered_template,
        }
        return json.dumps(shown, ensure_ascii=False, indent=2)
