"""Everything that is looked at before a campaign may start, as lines with evidence and the place to mend them.

`quick_checks` asks only rows that are at hand and runs again inside the launching transaction; `full_checks` adds
what is counted over the whole dataset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from dashboard.audiences.models import DatasetVersion
from dashboard.campaigns import neighbours, phone_checks
from dashboard.campaigns.asleep import count_asleep
from dashboard.campaigns.choices import CHANNEL_WORDS
from dashboard.campaigns.coverage import Coverage, Verdict, address_columns, cover, variable_columns
from dashboard.campaigns.funnel import Funnel, count_funnel
from dashboard.campaigns.models import ScheduleKind
from dashboard.campaigns.phone_checks import Concern
from dashboard.campaigns.plan import Plan, compiled
from dashboard.campaigns.sending_hours import hours_words
from dashboard.campaigns.starting import start_of
from dashboard.campaigns.wall_clock import moment_words
from dashboard.extensions import db
from dashboard.figures import number, percent
from dashboard.message_templates.models import Category, Channel
from dashboard.problems import DomainError
from dashboard.system.models import Heartbeat
from worker.engine.send_window import SendWindow
from worker.rendering.channels import Compiled
from worker.rendering.compiler import TemplateSyntaxProblem
from worker.rendering.content import EmailContent
from worker.rendering.plain_text import text_from_html

_SILENT_AFTER = timedelta(seconds=30)
_MANY_SUPPRESSED = 0.2


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `step` and `field` lead to the place where it is mended: /campaigns/<id>/edit/<step>#<field>, or
    `path` to another page; `link` is what the link says."""

    code: str
    verdict: Verdict
    title: str
    evidence: str = ""
    step: str = ""
    field: str = ""
    path: str = ""

    @property
    def link(self) -> str:
        if self.path:
            return "Open"
        return "Mend" if self.verdict is Verdict.BLOCKING else "Change"


@dataclass(frozen=True, slots=True)
class Preflight:
    """All lines, when they were made, and the numbers that were counted for them (None where there is nothing)."""

    checks: tuple[Check, ...]
    at: datetime
    funnel: Funnel | None = None
    coverage: Coverage | None = None

    def of(self, verdict: Verdict) -> list[Check]:
        return [check for check in self.checks if check.verdict is verdict]

    @property
    def blocking(self) -> list[Check]:
        return self.of(Verdict.BLOCKING)

    @property
    def warnings(self) -> list[Check]:
        return self.of(Verdict.WARNING)

    @property
    def passed(self) -> list[Check]:
        return self.of(Verdict.PASSED)

    def reason(self, step: str) -> str:
        """The first blocking line of a step, "" where there is none."""
        return next((check.title for check in self.blocking if check.step == step), "")


def quick_checks(plan: Plan, now: datetime, *, at_once: bool = False) -> list[Check]:
    """The lines that need no counting. With `at_once` the schedule is left out: the campaign starts now."""
    checks = [_template(plan), _audience(plan), _recipient_column(plan), _provider(plan), _sender(plan)]
    if not at_once:
        checks.append(_schedule(plan, now))
    return [check for check in checks if check is not None]


def full_checks(plan: Plan, now: datetime, *, at_once: bool = False) -> Preflight:
    """Every line, blocking ones and warnings first found first."""
    checks = quick_checks(plan, now, at_once=at_once)
    program = _compile(plan, checks)
    coverage = cover(program, plan.dataset) if program and plan.dataset else None
    funnel = _funnel(plan)
    checks += _coverage(coverage)
    checks += _recipients(funnel)
    checks += [check for question in _QUESTIONS if (check := question(plan, now)) is not None]
    return Preflight(checks=tuple(checks), at=now, funnel=funnel, coverage=coverage)


def first_blocking(checks: Iterable[Check]) -> Check | None:
    return next((check for check in checks if check.verdict is Verdict.BLOCKING), None)


def _passed(code: str, title: str, evidence: str = "") -> Check:
    return Check(code, Verdict.PASSED, title, evidence)


def _blocking(code: str, title: str, evidence: str, step: str, field: str) -> Check:
    return Check(code, Verdict.BLOCKING, title, evidence, step, field)


def _warning(code: str, title: str, evidence: str, step: str = "", field: str = "", path: str = "") -> Check:
    return Check(code, Verdict.WARNING, title, evidence, step, field, path)


def _editor(plan: Plan) -> str:
    """Where the template is written and test-sent."""
    return f"/templates/{plan.template.public_id}/edit" if plan.template else "/templates"


def _template(plan: Plan) -> Check:
    if plan.template is None:
        return _blocking("no_template", "No template is chosen", "Choose what to send.", "content", "template_id")
    if plan.template.archived_at is not None:
        words = f"{plan.template.name} is archived. Choose another one, or take it out of the archive."
        return _blocking("template_archived", "The template is archived", words, "content", "template_id")
    if plan.template_version is None:
        words = f"{plan.template.name} has no published version yet. Publish it, or choose another template."
        return _blocking("template_not_published", "The template is not published", words, "content", "template_id")
    kept = "this version stays" if plan.pinned else "the newest published version at the start"
    return _passed(
        "template", "The template is published", f"{plan.template.name} v{plan.template_version.number}, {kept}"
    )


def _audience(plan: Plan) -> Check:
    if plan.audience is None:
        return _blocking("no_audience", "No audience is chosen", "Choose who gets it.", "audience", "audience_id")
    if plan.dataset is None or not plan.dataset.record_count:
        words = f"{plan.audience.name} has no records yet. Finish its import, or choose another audience."
        return _blocking("audience_empty", "The audience is empty", words, "audience", "audience_id")
    return _passed("audience", "The audience has records", f"{plan.audience.name}: {number(plan.dataset.record_count)}")


def _recipient_column(plan: Plan) -> Check | None:
    if plan.dataset is None:
        return None
    column = plan.campaign.recipient_column
    if column in address_columns(plan.dataset, plan.campaign.address_channel):
        return _passed("recipient_column", "The column with the addresses exists", column)
    words = f"This audience has no column {column}. Choose the one that holds the addresses."
    return _blocking("no_recipient_column", "No column with addresses", words, "audience", "recipient_column")


def _provider(plan: Plan) -> Check:
    if plan.provider is None:
        return _blocking("no_provider", "No provider", plan.provider_problem, "content", "provider_id")
    if plan.provider.last_test_ok is False:
        words = f"{plan.provider.name}: {plan.provider.last_error or 'the last connection test failed'}"
        return _warning(
            "provider_failing", "The provider failed its last test", words, path=f"/providers/{plan.provider.public_id}"
        )
    chosen = "chosen here" if plan.campaign.provider_id else _default_words(plan)
    return _passed("provider", "A provider will send it", f"{plan.provider.name}, {chosen}")


def _default_words(plan: Plan) -> str:
    return f"default of {plan.campaign.category} {CHANNEL_WORDS[Channel(plan.campaign.channel)]}"


def _sender(plan: Plan) -> Check | None:
    if plan.provider is None or plan.campaign.channel == Channel.PUSH:
        return None
    words = "From address" if plan.campaign.channel == Channel.EMAIL else "sender id"
    if plan.sender is None:
        return _blocking("no_sender", f"No {words}", plan.sender_problem, "content", "sender_id")
    shown = f"{plan.sender.name} <{plan.sender.address}>" if plan.sender.name else plan.sender.address
    return _passed("sender", f"The {words} exists", shown)


def _schedule(plan: Plan, now: datetime) -> Check:
    campaign = plan.campaign
    fields = {ScheduleKind.CRON: "cron", ScheduleKind.ONCE: "schedule_local"}
    field = fields.get(ScheduleKind(campaign.schedule_kind), "schedule_kind")
    try:
        start = start_of(campaign, now)
    except DomainError as error:
        return _blocking(error.code, "The schedule does not work", error.message, "schedule", error.field or field)
    return _passed("schedule", "The schedule works", start.words)


def _compile(plan: Plan, checks: list[Check]) -> Compiled | None:
    """The compiled content; a problem of the template's own becomes a line."""
    if plan.template_version is None:
        return None
    try:
        return compiled(plan.template_version)
    except TemplateSyntaxProblem as error:
        checks.append(_blocking("template_broken", "The template cannot be read", str(error), "content", "template_id"))
        return None


def _coverage(coverage: Coverage | None) -> list[Check]:
    if coverage is None:
        return []
    checks = []
    for row in coverage.blocking:
        least = "" if row.complete else "at least "
        words = f"{least}{number(row.lacking)} records have no value for it and nothing else gives one."
        title = f"{row.name} is missing"
        checks.append(_blocking("variable_missing", title, words.capitalize(), "content", f"variable-{row.name}"))
    for row in coverage.blanks:
        words = (
            f"{'' if row.complete else 'at least '}{number(row.blank)} records have it empty: nothing is shown there."
        )
        title = f"{row.name} is sometimes empty"
        checks.append(_warning("variable_blank", title, words.capitalize(), "content", f"variable-{row.name}"))
    if not checks:
        checks.append(_passed("variables", "Every variable has a value", f"{len(coverage.rows)} in the template"))
    return checks


def _funnel(plan: Plan) -> Funnel | None:
    if plan.dataset is None or plan.campaign.recipient_column not in address_columns(
        plan.dataset, plan.campaign.address_channel
    ):
        return None
    campaign = plan.campaign
    return count_funnel(
        plan.dataset,
        recipient_column=campaign.recipient_column,
        channel=campaign.channel,
        category=campaign.category,
    )


def _recipients(funnel: Funnel | None) -> list[Check]:
    if funnel is None or not funnel.records:
        return []
    if not funnel.to_send:
        why = "all of them are suppressed" if funnel.with_address else "none of them has a usable address"
        words = f"Of {number(funnel.records)} records {why}."
        return [_blocking("nobody_to_send", "There is nobody to send to", words, "audience", "recipient_column")]
    checks = [
        _passed("recipients", "There are recipients", f"{number(funnel.to_send)} of {number(funnel.records)} records")
    ]
    if funnel.without_address:
        words = f"{number(funnel.without_address)} records have no usable address; they are listed as failed."
        checks.append(_warning("no_address", "Some records have no address", words, "audience", "recipient_column"))
    if funnel.suppressed > _MANY_SUPPRESSED * funnel.with_address:
        share = percent(funnel.suppressed, funnel.with_address)
        words = (
            f"{number(funnel.suppressed)} addresses ({share}) are on the suppression list. Is this the right audience?"
        )
        checks.append(_warning("many_suppressed", "Many are suppressed", words, "audience", "audience_id"))
    return checks


def _unsubscribe(plan: Plan, _now: datetime) -> Check | None:
    if plan.content is None or plan.campaign.category != Category.PROMOTIONAL:
        return None
    if any("unsubscribe_url" in source for _part, source in plan.content.sources()):
        return _passed("unsubscribe", "The message has an unsubscribe link", "unsubscribe_url stands in the template")
    if not isinstance(plan.content, EmailContent):
        return None
    words = "Promotional mail needs a link that ends it: put {{ unsubscribe_url }} into the template."
    return _warning("no_unsubscribe", "No unsubscribe link in the mail", words, path=_editor(plan))


def _subject(plan: Plan, _now: datetime) -> Check | None:
    if not isinstance(plan.content, EmailContent) or plan.content.subject.strip():
        return None
    words = "Many mail servers take that for spam."
    return _warning("no_subject", "The subject is empty", words, path=_editor(plan))


def _text_part(plan: Plan, _now: datetime) -> Check | None:
    if not isinstance(plan.content, EmailContent):
        return None
    if plan.content.text.strip():
        return _passed("text_part", "The mail has a text part", "written in the template")
    if text_from_html(plan.content.html).strip():
        return _passed("text_part", "The mail has a text part", "made from the HTML")
    words = "The HTML holds no words to make one from. Write a text part for readers without images."
    return _warning("no_text_part", "No text part", words, path=_editor(plan))


def _registration(plan: Plan, _now: datetime) -> Check | None:
    return _phone(plan, phone_checks.registration_concern(plan))


def _lengths(plan: Plan, _now: datetime) -> Check | None:
    return _phone(plan, phone_checks.length_concern(plan))


def _phone(plan: Plan, found: Concern | None) -> Check | None:
    if found is None:
        return None
    return (
        _warning(found.code, found.title, found.words, path=_editor(plan))
        if found.wrong
        else _passed(found.code, found.title, found.words)
    )


def _tested(plan: Plan, _now: datetime) -> Check | None:
    if plan.template is None or plan.template_version is None:
        return None
    if neighbours.was_test_sent(plan.template_version):
        return _passed("tested", "This version was test-sent")
    words = f"Nobody has test-sent {plan.template.name} since its last edit. Send it to yourself first."
    return _warning("not_tested", "Not test-sent since the last edit", words, path=_editor(plan))


def _overlap(plan: Plan, now: datetime) -> Check | None:
    if plan.audience is None:
        return None
    try:
        start = start_of(plan.campaign, now).moment
    except DomainError:
        start = now
    others = neighbours.overlapping(plan.campaign, start)
    if not others:
        return _passed("overlap", "No other campaign to this audience within 24 hours")
    words = f"{', '.join(others[:3])} go to the same audience within 24 hours of this one."
    return _warning("overlap", "Another campaign to the same audience", words, "schedule", "schedule_kind")


def _hours(plan: Plan, now: datetime) -> Check | None:
    """Whether it starts within the hours in which it may be sent."""
    window = SendWindow.read(plan.campaign.send_window or {})
    if window is None:
        return None
    try:
        start = max(now, start_of(plan.campaign, now).moment)
    except DomainError:
        start = now
    if window.column and plan.dataset is not None:
        return _asleep(plan, plan.dataset, window, start)
    opening, hours = window.opening(start), hours_words(plan.campaign.send_window)
    if opening is None:
        return _passed("hours", "It starts within its hours", hours)
    words = f"It may be sent {hours}. It waits until {moment_words(opening, window.zone)} before the first message."
    return _warning("outside_hours", "It starts outside its hours", words, "schedule", "window_opens")


def _asleep(plan: Plan, dataset: DatasetVersion, window: SendWindow, start: datetime) -> Check:
    """How many are held because they sleep when it starts."""
    if window.column not in variable_columns(dataset):
        words = f"The audience has no column {window.column}: the hours of {window.zone} count for everybody."
        return _warning("no_zone_column", "No column with time zones", words, "schedule", "window_column")
    held = count_asleep(dataset, window, start)
    if held.first is None or held.last is None:
        return _passed("hours", "It starts within everybody's hours", hours_words(plan.campaign.send_window))
    words = (
        f"{'' if held.complete else 'At least '}{number(held.count)} of {number(dataset.record_count)} are held until"
        f" their hours come: the first {moment_words(held.first, 'UTC')}, the last {moment_words(held.last, 'UTC')}."
    )
    return _warning("held", "Some are held until their hours come", words, "schedule", "window_opens")


def _workers(_plan: Plan, now: datetime) -> Check | None:
    alive = select(Heartbeat.name).where(Heartbeat.kind == "worker", Heartbeat.at > now - _SILENT_AFTER).limit(1)
    if db.session.scalar(alive):
        return _passed("workers", "A worker is running")
    words = "No worker has given a sign of life for 30 seconds: the campaign waits until one runs."
    return _warning("no_worker", "No worker is running", words)


_QUESTIONS: tuple[Callable[[Plan, datetime], Check | None], ...] = (
    _subject,
    _unsubscribe,
    _text_part,
    _registration,
    _lengths,
    _tested,
    _overlap,
    _hours,
    _workers,
)
