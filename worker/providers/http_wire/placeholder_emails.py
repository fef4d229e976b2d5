"""Email vendors whose calls carry many recipients with values for placeholders, written [%LIKE_THIS%]."""

from collections.abc import Sequence
from typing import ClassVar

from worker.providers.base import OutgoingEmail
from worker.providers.fields import SettingField
from worker.providers.http_wire.callbacks import probe
from worker.providers.http_wire.emails import envelope_key, html_body, size
from worker.providers.http_wire.provider import HttpProvider
from worker.providers.http_wire.transid_events import read_events
from worker.providers.receipts import Receipt, WebhookReply, WebhookRequest

_PLACE = "[%"

TRACKING_FIELDS = (
    SettingField("open_track", "Track opens", "boolean", default=False),
    SettingField("click_track", "Track clicks", "boolean", default=False),
    SettingField("unsubscribe_track", "Unsubscribe link of the vendor", "boolean", default=False),
    SettingField("footer", "Footer of the vendor", "boolean", default=False, advanced=True),
)


def batch_fields(default: int) -> tuple[SettingField, ...]:
    """The settings that say what shares a call."""
    return (
        SettingField(
            "different_contents",
            "Messages with contents of their own",
            "choice",
            help="Together: subject and body of each recipient travel as placeholder values of one call.",
            default="together",
            choices=(("together", "Together in a call"), ("apart", "A call for each")),
            advanced=True,
        ),
        SettingField(
            "batch_size", "Recipients per call", "number", default=default, minimum=1, maximum=5000, advanced=True
        ),
        SettingField(
            "batch_megabytes",
            "Megabytes per call",
            "number",
            help="A call with several messages becomes no larger.",
            default=5,
            minimum=1,
            maximum=30,
            advanced=True,
        ),
    )


class PlaceholderEmails(HttpProvider):
    """What these vendors share: which messages go together, and callbacks of one family."""

    channel: ClassVar[str] = "email"
    has_receipts: ClassVar[bool] = True

    @property
    def batch_size(self) -> int:
        """As set."""
        return int(self.values["batch_size"])

    @property
    def batch_bytes(self) -> int:
        """As set."""
        return int(self.values["batch_megabytes"] * 1_000_000)

    def weight(self, message: OutgoingEmail) -> int:
        """The whole content: it may travel once for each recipient."""
        return size(message)

    def batch_key(self, message: OutgoingEmail) -> object:
        """What the call says once."""
        if self.values["different_contents"] == "together":
            return envelope_key(message)
        return envelope_key(message), message.rendered.subject, html_body(message)

    def shared_content(self, messages: Sequence[OutgoingEmail]) -> tuple[str, str] | None:
        """Subject and body that the call says once; None where they travel as values of placeholders.

        One message alone goes the way of a batch, so that a test send shows what a campaign will look like.
        """
        contents = {(message.rendered.subject, html_body(message)) for message in messages}
        content = next(iter(contents))
        together = self.values["different_contents"] == "together"
        if together and (len(messages) == 1 or len(contents) > 1 or any(_PLACE in part for part in content)):
            return None
        return content

    def probe(self, request: WebhookRequest) -> WebhookReply | None:
        """The vendor tries an address by HEAD, then by an empty batch."""
        return probe(request)

    def receipts(self, request: WebhookRequest) -> list[Receipt]:
        """The events of a callback."""
        return read_events(request)
