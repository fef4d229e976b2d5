"""Forms of campaigns, one per action. They look at shapes; what fits together is for the services to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    FloatField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import AnyOf, DataRequired, Length, Optional
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from dashboard.campaigns import choices
from dashboard.campaigns.choices import Choice
from dashboard.campaigns.models import Campaign, ScheduleKind
from dashboard.campaigns.sending_hours import DAYS
from dashboard.campaigns.wall_clock import parse_wall, read_wall
from dashboard.timefmt import zone_name

CATEGORIES = [("promotional", "Promotional"), ("transactional", "Transactional")]
CATEGORY_HINTS = {
    "promotional": "News and offers. Carries one-click unsubscribing; whoever used it gets none.",
    "transactional": "About something the recipient did: orders, accounts, bookings.",
}
SCHEDULES = [("now", "Now"), ("once", "At a time"), ("cron", "Again and again")]
SCHEDULE_HINTS = {
    "now": "It starts as soon as you launch it on the review step.",
    "once": "It starts by itself at a local time.",
    "cron": "It starts by itself at every time that a cron rule names.",
}
_MOST_TAGS = 12
#: Read from the query of a GET too, where there is no token; POSTs are checked by CSRFProtect for the whole site.
_META: Mapping[str, Any] = {"csrf": False}


def options(pairs: Iterable[Choice], group: str | None = None) -> list[SelectChoice]:
    """(value, label) pairs as the choices of a field."""
    return [SelectChoice(value, label, optgroup=group) for value, label in pairs]


def split_tags(text: str | None) -> list[str]:
    """Tags from a comma separated line: trimmed, lower case, each once, at most twelve."""
    tags = dict.fromkeys(" ".join(piece.split()).lower()[:40] for piece in (text or "").split(","))
    return [tag for tag in tags if tag][:_MOST_TAGS]


def throttle_field() -> FloatField:
    """The pace of a campaign or a run."""
    return FloatField(
        "Most messages per minute",
        [Optional()],
        description="By all workers together. Empty: as fast as the provider takes it.",
        render_kw={"inputmode": "decimal", "autocomplete": "off"},
    )


def shown_pace(rate_per_minute: float) -> float | None:
    """600 rather than 600.0; nothing where there is none."""
    return int(rate_per_minute) if rate_per_minute and rate_per_minute.is_integer() else rate_per_minute or None


def _possible(version: int | None) -> int | None:
    """No campaign has version -1; no database compares with a number that it cannot hold."""
    return version if version is None or 0 <= version < 2**31 else -1


class VersionedForm(FlaskForm):
    """A form that says which version of the campaign it was drawn from."""

    version = IntegerField(widget=HiddenInput(), validators=[Optional()], filters=[_possible])

    @classmethod
    def read(cls, campaign: Campaign, given: Any = None) -> Self:
        """The form with the campaign's values, overridden by `given` (request arguments or a posted form)."""
        return cls(formdata=given or None, data=cls.values_of(campaign), meta=_META).offer(campaign)

    @classmethod
    def values_of(cls, campaign: Campaign) -> dict[str, Any]:
        """What the fields show of a campaign as it is saved."""
        return {"version": campaign.version}

    def offer(self, campaign: Campaign) -> Self:  # noqa: ARG002 - for those that have something to choose from
        """Fill in what can be chosen."""
        return self


class DetailsForm(VersionedForm):
    name = StringField("Name", [DataRequired("Give it a name."), Length(max=160)])
    description = TextAreaField("Description", [Length(max=4000)])
    tags = StringField("Tags", [Length(max=500)], description="Separated by commas, such as `sale, spring`.")

    @classmethod
    def values_of(cls, campaign: Campaign) -> dict[str, Any]:
        return {
            "name": campaign.name,
            "description": campaign.description,
            "tags": ", ".join(campaign.tags),
            "version": campaign.version,
        }


class NewCampaignForm(DetailsForm):
    category = RadioField("Category", choices=options(CATEGORIES), default="promotional")
    template_id = SelectField("Template", validate_choice=True)
    audience_id = SelectField("Audience", validate_choice=True)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.template_id.choices = options(choices.template_choices())
        self.audience_id.choices = options(choices.audience_choices())


class AudienceForm(VersionedForm):
    audience_id = SelectField("Audience", description="Everybody in it is a recipient, once per record.")
    recipient_column = SelectField(
        "Column with the address", description="A record with nothing usable there is listed as failed."
    )

    def offer(self, campaign: Campaign) -> Self:
        """Fill in what can be chosen, for the audience that is chosen in the form."""
        self.audience_id.choices = options(choices.audience_choices(keep=campaign.audience_id))
        self.recipient_column.choices = options(
            choices.column_choices(choices.chosen_id("adn", self.audience_id.data), campaign.address_channel)
        )
        return self

    @classmethod
    def values_of(cls, campaign: Campaign) -> dict[str, Any]:
        return {
            "audience_id": choices.choice_of("adn", campaign.audience_id),
            "recipient_column": campaign.recipient_column,
            "version": campaign.version,
        }


class ContentForm(VersionedForm):
    category = RadioField("Category", choices=options(CATEGORIES))
    template_id = SelectField("Template")
    template_version_id = SelectField("Version")
    provider_id = SelectField("Provider")
    sender_id = SelectField("Sender")
    resend_unknown = RadioField(
        "Messages in doubt after a crash",
        choices=options([("yes", "Send again"), ("no", "Leave as unknown")]),
        description="A killed worker can leave a few messages of which nobody knows whether they went out.",
    )

    def offer(self, campaign: Campaign) -> Self:
        """Fill in what can be chosen, for the template and category that are chosen in the form."""
        self.template_id.choices = options(choices.template_choices(keep=campaign.template_id))
        channel = choices.channel_of(choices.chosen_id("tpl", self.template_id.data), campaign.channel)
        self.template_version_id.choices = options(
            choices.version_choices(choices.chosen_id("tpl", self.template_id.data))
        )
        category = self.category.data or campaign.category
        self.provider_id.choices = options(choices.provider_choices(channel, category, keep=campaign.provider_id))
        self.sender_id.choices = [
            choice for group, pairs in choices.sender_choices(channel).items() for choice in options(pairs, group)
        ]
        for field in (self.template_version_id, self.provider_id, self.sender_id):
            known = {value for value, *_ in field.iter_choices()}
            if not self.is_submitted() and field.data not in known:
                field.data = ""  # another template was picked a moment ago
        return self

    @classmethod
    def values_of(cls, campaign: Campaign) -> dict[str, Any]:
        return {
            "category": campaign.category,
            "template_id": choices.choice_of("tpl", campaign.template_id),
            "template_version_id": choices.choice_of("tpv", campaign.template_version_id),
            "provider_id": choices.choice_of("prv", campaign.provider_id),
            "sender_id": choices.choice_of("snd", campaign.sender_id),
            "resend_unknown": "yes" if campaign.resend_unknown else "no",
            "version": campaign.version,
        }


class ScheduleForm(VersionedForm):
    schedule_kind = RadioField("When", choices=options(SCHEDULES))
    schedule_local = StringField("Local time", [Length(max=19)])
    schedule_fold = RadioField(
        "Which of the two",
        choices=options([("0", "The first, before the clocks go back"), ("1", "The second, after they went back")]),
        validators=[Optional()],
    )
    schedule_zone = StringField(
        "Time zone", [Length(max=64)], description="The clock by which it starts, such as `Europe/Berlin`."
    )
    cron = StringField(
        "Cron rule",
        [Length(max=120)],
        description="minute, hour, day of month, month, day of week: `0 9 * * 1` is every Monday at 09:00.",
    )
    cron_until = DateField("Last day", [Optional()], description="Empty: it repeats until somebody stops it.")
    window_opens = StringField("From", [Length(max=8)])
    window_closes = StringField("Until", [Length(max=8)])
    window_days = SelectMultipleField(
        "Days",
        choices=options((str(number), day) for number, day in enumerate(DAYS)),
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    window_zone = StringField("Zone of these hours", [Length(max=64)])
    window_column = SelectField(
        "Column with the recipients' own time zones",
        description="Who sleeps is held until the hours come. Unknown zones count as above.",
    )
    rate_per_minute = throttle_field()

    def offer(self, campaign: Campaign) -> Self:
        """Fill in the columns of the audience; one that it has lost stays to be seen."""
        offered = choices.zone_choices(campaign.audience_id)
        lost = campaign.send_window.get("column", "")
        known = {value for value, _ in offered}
        self.window_column.choices = options(offered if lost in known else [*offered, (lost, lost)])
        return self

    @classmethod
    def read(cls, campaign: Campaign, given: Any = None) -> Self:
        """As of every form; a link that gives a time alone leaves the hours as they are saved."""
        form = super().read(campaign, given)
        if given and "window_opens" not in given:
            form.window_days.data = cls.values_of(campaign)["window_days"]
        return form

    @classmethod
    def values_of(cls, campaign: Campaign) -> dict[str, Any]:
        zone = campaign.schedule_zone or zone_name()
        return {
            "schedule_kind": campaign.schedule_kind,
            "schedule_local": campaign.schedule_local,
            "schedule_fold": _fold_of(campaign),
            "schedule_zone": zone,
            "cron": campaign.cron,
            "cron_until": campaign.cron_until.astimezone(ZoneInfo(zone)).date() if campaign.cron_until else None,
            **_hours_of(campaign.send_window, zone),
            "rate_per_minute": shown_pace(campaign.rate_per_minute),
            "version": campaign.version,
        }


def _hours_of(window: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """The hours as the form has them; a new window is offered for every day."""
    return {
        "window_opens": window.get("opens", ""),
        "window_closes": window.get("closes", ""),
        "window_days": [str(day) for day in window.get("days", range(len(DAYS)))],
        "window_zone": window.get("zone", zone),
        "window_column": window.get("column", ""),
    }


def _fold_of(campaign: Campaign) -> str:
    """The choice that was made between the two moments of a doubled time; "" where there was none to make."""
    if campaign.schedule_kind != ScheduleKind.ONCE or not campaign.schedule_local:
        return ""
    clock = read_wall(parse_wall(campaign.schedule_local), ZoneInfo(campaign.schedule_zone))
    return str(campaign.schedule_fold) if clock.doubled else ""


class ActionForm(VersionedForm):
    """A button with the version that the page showed."""


class LaunchForm(VersionedForm):
    typed_count = StringField("Number of recipients", [Length(max=40)])


class DeleteForm(FlaskForm):
    typed_name = StringField("Name of the campaign", [DataRequired("Type the name of the campaign."), Length(max=200)])


def _plain_word(typed: str | None) -> str:
    return (typed or "").strip().lower()


class CancelForm(FlaskForm):
    typed_word = StringField(
        "Type `cancel` to confirm", [AnyOf(["cancel"], "Type the word cancel.")], filters=[_plain_word]
    )


class ThrottleForm(FlaskForm):
    rate_per_minute = throttle_field()


class RetryForm(VersionedForm):
    groups = SelectMultipleField("Errors", validate_choice=False)
    content = RadioField(
        "Content",
        choices=options([("same", "As it was sent"), ("newest", "The newest published version")]),
        default="same",
    )
