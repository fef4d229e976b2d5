"""The schema of requests for messages and of their answers."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, JsonValue, StrictBool, StrictFloat, StrictInt, model_validator

from dashboard.api.identifiers import Moment
from dashboard.api.resource import Input, Output
from dashboard.api_keys.services import Caller
from dashboard.ids import public_id
from dashboard.sends.at_once import MOST
from dashboard.sends.orders import Addressee, Order, Part

MOST_RECIPIENTS: Final = 10_000
Reference = Annotated[str, Field(min_length=1, max_length=200)]
TemplateName = Annotated[str, Field(min_length=1, max_length=200, description="Id (tpl_…) or slug of a template.")]
ProviderId = Annotated[str, Field(max_length=40, description="Id (prv_…); without one the category's default.")]
_EXAMPLE: Final[Any] = {
    "template": "order-confirmation",
    "recipients": [{"email": "ada@example.com", "variables": {"name": "Ada"}, "reference": "order-1815"}],
}


class RecipientIn(Input):
    """One recipient. A channel whose address is missing is reported as failed for this recipient alone."""

    email: str | None = Field(None, max_length=320)
    phone: str | None = Field(None, max_length=20, description="With country code, such as +919876543210.")
    push_token: str | None = Field(None, max_length=4096)
    external_id: str | None = Field(None, max_length=200, description="Your id of the customer.")
    variables: dict[str, JsonValue] = Field({}, description="Values for the template.")
    reference: Reference | None = Field(None, description="Your own name of this message, to ask for it later.")


class PartIn(Input):
    """What one channel sends."""

    template: TemplateName
    provider: ProviderId | None = None


class ChannelsIn(Input):
    """One template for each channel that is to be used."""

    email: PartIn | None = None
    sms: PartIn | None = None
    push: PartIn | None = None


class SendIn(Input):
    """A request for messages: one template, or one for each of several channels."""

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [_EXAMPLE]}}

    template: TemplateName | None = None
    provider: ProviderId | None = None
    channels: ChannelsIn | None = Field(None, description="In place of template, to use several channels at once.")
    recipients: list[RecipientIn] = Field(min_length=1, max_length=MOST_RECIPIENTS)
    variables: dict[str, JsonValue] = Field({}, description="For every recipient who has none of that name.")
    mode: Literal["async", "sync"] = Field("async", description=f"sync waits for the provider (up to {MOST}).")
    deadline_seconds: StrictFloat | StrictInt = Field(20, ge=0.05, le=60, description="How long sync waits.")
    send_at: Moment | None = Field(None, description="Not before this moment (async only).")
    expires_at: Moment | None = Field(None, description="Not from this moment on.")
    reference: Reference | None = Field(None, description="Your own name of this request.")
    metadata: dict[str, Annotated[str, Field(max_length=500)]] = Field(
        {}, max_length=50, description="Comes back with the state of each message."
    )
    dry_run: StrictBool = Field(False, description="Say what would happen, and send nothing.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.template is None) == (self.channels is None):
            raise ValueError("give either template or channels")
        if self.channels is not None and not self.channels.model_dump(exclude_none=True):
            raise ValueError("channels names no channel")
        if self.channels is not None and self.provider is not None:
            raise ValueError("name the provider within the channel")
        if self.mode == "sync" and self.send_at is not None:
            raise ValueError("sync sends now: leave out send_at")
        return self

    def order(self, caller: Caller) -> Order:
        """The same for the services."""
        return Order(
            caller=caller,
            parts=self._parts(),
            addressees=tuple(
                Addressee(one.email, one.phone, one.push_token, one.external_id, one.variables, one.reference)
                for one in self.recipients
            ),
            variables=self.variables,
            send_at=self.send_at,
            expires_at=self.expires_at,
            reference=self.reference or "",
            metadata=self.metadata,
        )

    def _parts(self) -> tuple[Part, ...]:
        if self.channels is None:
            return (Part("", self.template or "", self.provider),)
        named = ((name, getattr(self.channels, name)) for name in ("email", "sms", "push"))
        return tuple(
            Part(name, part.template, part.provider, f"channels.{name}.") for name, part in named if part is not None
        )


class SendJobOut(Output):
    """One channel of a request."""

    id: str
    channel: str
    template: str
    template_version: int | None
    provider: str
    recipients: int


class SentMessageOut(Output):
    """One message of a request. `index` is the recipient's place in the request, from 0."""

    id: str
    index: int
    channel: str
    reference: str | None
    state: str = Field(description="queued, sent, failed, unknown, suppressed …: see GET /messages/{message}.")
    provider_message_id: str | None = None
    code: str | None = Field(None, description="The provider's code, or ours.")
    detail: str | None = Field(None, description="The provider's words.")
    retryable: bool = Field(False, description="The provider certainly does not have it; it may take it later.")
    ask: str = Field(description="Where its state can be asked for.")


class SendOut(Output):
    """What became of a request."""

    id: str | None = Field(description="Of the whole request; null for a dry run.")
    mode: str
    jobs: list[SendJobOut]
    messages: list[SentMessageOut]
    counts: dict[str, int] = Field(description="Messages by state.")


def message_path(message: str) -> str:
    """Where a message can be asked for."""
    return f"/api/v1/messages/{message}"


def message_out(number: int, index: int, channel: str, reference: str | None, **facts: Any) -> SentMessageOut:
    """One message; `number` is its id."""
    public = public_id("msg", number)
    return SentMessageOut(
        id=public, index=index, channel=channel, reference=reference, ask=message_path(public), **facts
    )
