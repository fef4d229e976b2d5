"""Forms about providers. The one with a vendor's settings is made from the fields that its adapter declares."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Self, cast

from flask import request
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    Field,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import DataRequired, Length, Optional
from wtforms.widgets import HiddenInput

from dashboard.message_templates.models import Channel
from dashboard.providers.models import Provider
from dashboard.providers.rates import PERIODS, Rates, read_domain_rates
from worker.providers.base import Provider as Adapter
from worker.providers.fields import SettingField, field_errors

PREFIX = "setting_"  # keeps a vendor's field apart from ours, whatever it is called
REMOVE = "remove_"
_RADIO_UP_TO = 4
RATES = tuple(
    SettingField(name, f"Messages per {word}", "number", default=0, minimum=0, maximum=most)
    for name, (most, word) in PERIODS.items()
)
_NUMBER = {"inputmode": "decimal", "autocomplete": "off"}


class RateForm(FlaskForm):
    rate_per_second = StringField("Messages per second", render_kw=_NUMBER)
    rate_per_minute = StringField("Messages per minute", render_kw=_NUMBER)
    rate_per_day = StringField("Messages per day", description="Counted over any 24 hours.", render_kw=_NUMBER)

    @classmethod
    def of(cls, provider: Provider) -> Self:
        """The form with what is stored."""
        return cls(formdata=None, data=rate_data(provider))

    @property
    def rates(self) -> Rates:
        """The typed limits; call it after `validate`. What was not sent along stays as it is."""
        sent: dict[str, Any] = {field.name: self[field.name].data for field in RATES if self[field.name].raw_data}
        return cast("Rates", {name: float(str(typed or "0").strip() or 0) for name, typed in sent.items()})

    def validate(self, extra_validators: Any = None) -> bool:
        ok = bool(super().validate(extra_validators))
        for name, words in field_errors(RATES, {field.name: self[field.name].data for field in RATES}).items():
            self[name].errors = [words]
            ok = False
        return ok


def rate_data(provider: Provider) -> dict[str, str]:
    """The limits of a provider as the fields have them."""
    return {name: f"{getattr(provider, name):.15g}" for name in PERIODS}


class SourcesForm(FlaskForm):
    networks = TextAreaField("Networks that may call", render_kw={"rows": 4, "spellcheck": "false"})


class ProviderForm(RateForm):
    """What every provider has; `settings_form` adds the fields of a vendor."""

    adapter: ClassVar[type[Adapter]]

    version = IntegerField(widget=HiddenInput(), validators=[Optional()])
    name = StringField(
        "Name",
        [DataRequired("Give the provider a name."), Length(max=120)],
        description="How colleagues see it: in lists, in campaigns and in the log.",
    )
    domain_rates = TextAreaField(
        "Limits for recipients' domains",
        [Length(max=20_000)],
        description="One a line, with its messages per second: `gmail.com 20`. All other domains are not limited.",
        render_kw={"spellcheck": "false"},
    )

    @property
    def rates(self) -> Rates:
        """With the domains' limits. DomainError(domain_rates) where a line cannot be read."""
        return {**super().rates, "domain_rates": read_domain_rates(self.domain_rates.data or "")}

    def settings(self) -> dict[str, Any]:
        """The vendor's settings as typed; the adapter reads them."""
        return {setting.name: self[PREFIX + setting.name].data for setting in self.adapter.fields}

    def removed_secrets(self) -> list[str]:
        return [setting.name for setting in secrets_of(self.adapter) if self[REMOVE + setting.name].data]

    def setting_fields(self, *, advanced: bool) -> list[tuple[SettingField, Field]]:
        """(what the adapter declares, the field) of the settings that are shown at first, or of those folded away."""
        return [
            (setting, self[PREFIX + setting.name]) for setting in self.adapter.fields if setting.advanced == advanced
        ]

    def typed_secret(self) -> bool:
        """Was a secret typed that is not sent back with the form?"""
        return any(self[PREFIX + setting.name].data for setting in secrets_of(self.adapter))

    def check(self, kept_secrets: frozenset[str]) -> bool:
        """All that can be said of what was typed without looking at the database, each at its field."""
        ok = bool(self.validate())
        kept = kept_secrets - set(self.removed_secrets())
        for name, words in field_errors(self.adapter.fields, self.settings()).items():
            if name not in kept:
                self[PREFIX + name].errors = [words]
                ok = False
        return ok


class TrialForm(FlaskForm):
    """Where a test message goes, in the words of the provider's channel; push has no sender to choose."""

    _CHANNELS: ClassVar[dict[str, tuple[str, str, dict[str, str]]]] = {  # label, hint, attributes of the input
        Channel.EMAIL: ("To", "", {"type": "email", "autocomplete": "email"}),
        Channel.SMS: (
            "Phone number",
            "With a + and the country code where abroad. Indian operators pass registered texts only: test a template.",
            {"type": "tel", "autocomplete": "tel"},
        ),
        Channel.PUSH: ("Device token", "A device's token, or a browser's subscription.", {"spellcheck": "false"}),
    }
    address = StringField("To", [DataRequired("Say where to send it."), Length(max=4096)])
    sender_id = SelectField("From", coerce=int, validate_choice=False)

    def __init__(self, channel: str, **values: Any) -> None:
        super().__init__(**values)
        self.address.label.text, self.address.description, self.address_attributes = self._CHANNELS[channel]
        if channel == Channel.PUSH:
            del self.sender_id
        elif channel == Channel.SMS:
            self.sender_id.label.text = "Sender id"


class RouteForm(FlaskForm):
    """An ordered list: the fields `provider` and `weight` come as often as there are rows; blank rows count nothing.

    `route` is the same in one field, for the way back: "prv_…:90,prv_…:0".
    """

    providers = HiddenField("Providers")  # carries the errors of the rows

    @property
    def rows(self) -> list[tuple[str, str]]:
        """(provider, weight) as posted, without the blank rows."""
        if "route" in request.form:
            parts = [part.partition(":") for part in request.form["route"].split(",") if part]
            return [(provider, weight) for provider, _, weight in parts]
        weights = request.form.getlist("weight")
        return [
            (provider, weights[number].strip() if number < len(weights) else "")
            for number, provider in enumerate(request.form.getlist("provider"))
            if provider
        ]


class ChannelForm(FlaskForm):
    reason = StringField("Reason", [Length(max=300)])


def secrets_of(adapter: type[Adapter]) -> list[SettingField]:
    return [setting for setting in adapter.fields if setting.kind == "secret"]


@cache
def settings_form(adapter: type[Adapter]) -> type[ProviderForm]:
    """The form of a vendor. Defaults stand in it where nothing was typed; secrets never do."""
    fields: dict[str, Any] = {"adapter": adapter}
    for setting in adapter.fields:
        fields[PREFIX + setting.name] = _field(setting)
        if setting.kind == "secret":
            fields[REMOVE + setting.name] = BooleanField(f"Remove the stored {setting.label.lower()}")
    return type(f"{adapter.__name__}Form", (ProviderForm,), fields)


def _field(setting: SettingField) -> Any:
    words: dict[str, Any] = {"label": setting.label, "description": setting.help}
    quiet = {"autocomplete": "off"}
    if setting.kind == "boolean":
        return BooleanField(**words, default=bool(setting.default))
    if setting.kind == "choice":
        choices = [SelectChoice(value, label) for value, label in setting.choices]
        kind: type[SelectField] = RadioField if len(choices) <= _RADIO_UP_TO else SelectField
        # The adapter says in its own words what cannot be chosen.
        return kind(**words, choices=choices, default=setting.default, validate_choice=False)
    if setting.kind == "secret":
        return PasswordField(**words, render_kw={"autocomplete": "new-password"})
    if setting.kind == "textarea":
        return TextAreaField(**words, default=setting.default or "", render_kw={"spellcheck": "false"})
    if setting.kind == "number":
        quiet |= {"inputmode": "decimal"}
    default = "" if setting.default is None else str(setting.default)
    return StringField(**words, default=default, render_kw=quiet | {"spellcheck": "false"})
