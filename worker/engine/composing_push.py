"""Push notifications of a job."""

from __future__ import annotations

import json

from worker.engine.composing import Composer, written_address
from worker.engine.recipients import device_token, recorded
from worker.engine.rows import RecordRow
from worker.providers.base import OutgoingPush
from worker.rendering.push import RenderedPush


class PushComposer(Composer):
    """Makes the notifications of one job."""

    def checked(self, address: str) -> str:
        """The token as the ledger keeps it; a long one by its digest."""
        return recorded(device_token(address))

    def compose(self, message_id: int, record: RecordRow, recipient: str) -> OutgoingPush:
        """The notification for a record. Raises RenderError."""
        rendered = self._notification(message_id, record)
        facts = self._plan.facts
        return OutgoingPush(
            reference=message_id,
            token=written_address(record, facts.recipient_column) or recipient,
            title=rendered.title,
            body=rendered.body,
            image=rendered.image,
            link=rendered.link,
            data=dict(rendered.data),
            category=facts.category,
            collapse_key=rendered.collapse_key,
            expires_at=facts.expires_at,
        )

    def source(self, message_id: int, record: RecordRow, recipient: str) -> str:
        """The notification as a JSON object."""
        notification = self._notification(message_id, record)
        return json.dumps({"to": recipient, **notification.payload}, ensure_ascii=False, indent=2)

    def _notification(self, message_id: int, record: RecordRow) -> RenderedPush:
        rendered = self.rendered(self.layers(message_id, record))
        if not isinstance(rendered, RenderedPush):
            raise TypeError("a push template renders notifications")
        return rendered
