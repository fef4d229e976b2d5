"""Forms of an event's parts: what a channel does, the rules, and a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Form,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Length, Optional
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from dashboard.campaigns.sending_hours import DAYS, read_hours
from dashboard.events.definition import Delivery, Rules
from dashboard.events.forms import LONGEST_PAYLOAD
from dashboard.events.models import Event, EventDelivery
from dashboard.events.words import CHANNELS
from dashboard.forms import Between
from dashboard.ids import parse_public_id, public_id
from dashboard.message_templates.forms import select_choices
from dashboard.message_templates.queries import CATEGORY_CHOICES
from dashboard.problems import DomainError

_UNITS: Final = (("1", "seconds"), ("60", "minutes"), ("3600", "hours"), ("86400", "days"))
_WEEK: Final = [str(day) for day in range(7)]


def _count(label: str, description: str = "") -> IntegerField:
    message = "Write a whole number from 0 on."
    limits = [Optional(), Between(0, 2_592_000, message=message)]
    return IntegerField(label, limits, description=description)


def _unit(label: str) -> SelectField:
    return SelectField(label, choices=select_choices(_UNITS), default="60")


class _WithLengthsOfTime(Form):
    """Fields `<name>` and `<name>_unit` make a length of time together."""

    def _show(self, name: str, seconds: int) -> None:
        unit = next(size for size, _ in reversed(_UNITS) if seconds % int(size) == 0 and (seconds or size == "60"))
        self[name].data, self[f"{name}_unit"].data = seconds // int(unit), unit

    def _seconds(self, name: str) -> int:
        return (self[name].data or 0) * int(self[f"{name}_unit"].data)


class DeliveryForm(_WithLengthsOfTime):
    """What one channel does; its prefix is the channel."""

    subscribed = BooleanField("Subscribed")
    template = SelectField("Template")
    category = SelectField("Category", choices=select_choices([("", "As the template has it"), *CATEGORY_CHOICES]))
    delay = _count("Delay", "0: at once.")
    delay_unit = _unit("Unit of the delay")
    fallback = SelectField("Order")
    wait = _count("Wait for the delivery", "How long the other channel has time to be delivered.")
    wait_unit = _unit("Unit of the wait")

    def offer(self, channel: str, templates: Sequence[tuple[str, str]]) -> None:
        """Fill in what can be chosen."""
        self.template.choices = select_choices(templates)
        others = [(key, f"Only if {name} is not delivered") for key, name in CHANNELS.items() if key != channel]
        self.fallback.choices = select_choices([("", "In any case"), *others])

    def fill(self, row: EventDelivery) -> None:
        """Show what is saved."""
        self.subscribed.data, self.category.data, self.fallback.data = row.subscribed, row.category, row.fallback_of
        self.template.data = public_id("tpl", row.template_id) if row.template_id else ""
        self._show("delay", row.delay_seconds)
        self._show("wait", row.fallback_seconds)

    def delivery(self) -> Delivery:
        """The same for the services."""
        return Delivery(
            subscribed=self.subscribed.data,
            template_id=parse_public_id("tpl", self.template.data) if self.template.data else None,
            category=self.category.data,
            delay_seconds=self._seconds("delay"),
            fallback_of=self.fallback.data,
            fallback_seconds=self._seconds("wait"),
        )


class RulesForm(_WithLengthsOfTime, FlaskForm):
    """What holds repetitions back, and when nothing is sent."""

    version = IntegerField(validators=[Optional()], widget=HiddenInput())
    idempotency_path = SelectField(
        "Idempotency field",
        description="Its value tells repetitions apart: an event that brings a value again is answered, and not sent.",
    )
    dedup = _count(
        "De-dup window", "How long it counts as a repetition. 0 with an idempotency field: as long as the log is kept."
    )
    dedup_unit = _unit("Unit of the de-dup window")
    cap_count = _count("Most per customer", "0: no cap. Counted by `external_id`, else by address.")
    cap = _count("Within")
    cap_unit = _unit("Unit of the cap's time")
    expires = _count("Expires after", "Nothing is sent so long after the event. 0: never.")
    expires_unit = _unit("Unit of the expiry")
    window_opens = StringField("From", [Length(max=8)])
    window_closes = StringField("Until", [Length(max=8)])
    window_days = SelectMultipleField(
        "Days",
        choices=select_choices((str(number), day) for number, day in enumerate(DAYS)),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    window_zone = StringField("Zone of these hours", [Length(max=64)])

    def offer(self, event: Event) -> None:
        """Fill in what can be chosen."""
        paths = [(one["path"], one["path"]) for one in event.variables]
        self.idempotency_path.choices = select_choices([("", "None"), *paths])

    def fill(self, event: Event, zone: str) -> None:
        """Show what is saved; `zone` is offered where no hours are."""
        window: Mapping[str, Any] = event.send_window
        self.version.data, self.idempotency_path.data = event.version, event.idempotency_path
        self.cap_count.data = event.cap_count
        self._show("dedup", event.dedup_seconds)
        self._show("cap", event.cap_seconds)
        self._show("expires", event.expires_seconds)
        self.window_opens.data, self.window_closes.data = window.get("opens", ""), window.get("closes", "")
        self.window_days.data = [str(day) for day in window.get("days", ())] or _WEEK
        self.window_zone.data = window.get("zone", zone)

    def rules(self) -> Rules:
        """The same for the services. DomainError at the field at fault."""
        return Rules(
            idempotency_path=self.idempotency_path.data,
            dedup_seconds=self._seconds("dedup"),
            cap_count=self.cap_count.data or 0,
            cap_seconds=self._seconds("cap"),
            expires_seconds=self._seconds("expires"),
            send_window=read_hours(
                opens=self.window_opens.data or "",
                closes=self.window_closes.data or "",
                days=self.window_days.data or [],
                zone=self.window_zone.data or "",
            ),
        )


#: Fields of services by the fields of this form.
FIELDS: Final = {"dedup_seconds": "dedup", "cap_seconds": "cap", "expires_seconds": "expires"}


def at_its_field(problem: DomainError) -> DomainError:
    """The same problem under the name that the rules form has for its field."""
    return DomainError(problem.message, field=FIELDS.get(problem.field or "", problem.field), code=problem.code)


class TrialForm(FlaskForm):
    payload = TextAreaField("Payload", [Length(max=LONGEST_PAYLOAD)], description="JSON, as an application sends it.")
