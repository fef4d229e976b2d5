"""Forms of events: what one is called, its deletion, and a payload that is pasted somewhere."""

from __future__ import annotations

import re
from typing import Any, Self

from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional
from wtforms.widgets import HiddenInput

from dashboard.events.definition import Names
from dashboard.events.models import Event
from dashboard.message_templates.content_rules import JsonProblem, read_object
from dashboard.message_templates.forms import clean, select_choices
from dashboard.message_templates.queries import CHANNEL_CHOICES
from dashboard.problems import DomainError

_NOT_OF_A_SLUG = re.compile(r"[^a-z0-9]+")
LONGEST_PAYLOAD = 65_536  # characters


class NamesForm(FlaskForm):
    """What an event is called."""

    version = IntegerField(validators=[Optional()], widget=HiddenInput())
    name = StringField("Name", [DataRequired("Give the event a name."), Length(max=160)], filters=[clean])
    slug = StringField(
        "Slug",
        [DataRequired("Give it a slug."), Length(max=80)],
        filters=[clean],
        description="What applications send to, such as `order_cancelled`. They have to follow a change.",
    )
    group = StringField("Group", [Length(max=80)], filters=[clean], description="Such as Orders or Accounts.")
    subgroup = StringField("Subgroup", [Length(max=80)], filters=[clean], description="Such as Refunds.")
    description = TextAreaField(
        "Description", [Length(max=2000)], filters=[clean], description="When it happens, and which application tells."
    )

    def names(self) -> Names:
        """The same for the services."""
        given = (self.name, self.slug, self.description, self.group, self.subgroup)
        return Names(*(field.data or "" for field in given))


class NewEventForm(NamesForm):
    """A new event; a slug that is left empty is made of the name."""

    slug = StringField(
        "Slug",
        [Length(max=80)],
        filters=[clean],
        description="What applications send to, such as `order_cancelled`. Left empty it is made of the name.",
    )
    payload = TextAreaField(
        "Sample payload",
        [Length(max=LONGEST_PAYLOAD)],
        description="Paste the JSON of one that happened: names, types and samples of the variables are read from it.",
    )

    def names(self) -> Names:
        """The same for the services."""
        if not self.slug.data:
            self.slug.data = slug_of(self.name.data or "")
        return super().names()


class SubscriptionForm(FlaskForm):
    """The channel that is switched for several events, and which way."""

    channel = SelectField("Channel", choices=select_choices(CHANNEL_CHOICES))
    subscribed = StringField()


class DeleteForm(FlaskForm):
    typed = StringField("Type its slug to confirm", [DataRequired("Type the slug.")], filters=[clean])

    @classmethod
    def empty(cls) -> Self:
        """As the dialog opens."""
        return cls(formdata=None)


def slug_of(name: str) -> str:
    """ "Order cancelled" as "order_cancelled"."""
    return _NOT_OF_A_SLUG.sub("_", name.lower()).strip("_")[:80]


def names_form(event: Event) -> NamesForm:
    """Filled with what is saved."""
    return NamesForm(formdata=None, obj=event)


def read_payload(text: str, field: str = "payload") -> dict[str, Any]:
    """Typed JSON; {} for nothing. DomainError at the field."""
    try:
        return dict(read_object(text))
    except JsonProblem as problem:
        raise DomainError(f"This is no JSON object: {problem.message}.", field=field) from problem
