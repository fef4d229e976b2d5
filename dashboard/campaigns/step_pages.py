"""What the pages of the editor show beside their forms: counts, coverage, the echo of a schedule, preflight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from dashboard.campaigns import steps
from dashboard.campaigns.choices import channel_of, chosen_id, column_choices
from dashboard.campaigns.coverage import Coverage, address_columns, cover
from dashboard.campaigns.editing import schedule_values
from dashboard.campaigns.forms import (
    CATEGORY_HINTS,
    SCHEDULE_HINTS,
    AudienceForm,
    ContentForm,
    ScheduleForm,
)
from dashboard.campaigns.funnel import Funnel, count_funnel
from dashboard.campaigns.models import Campaign, ScheduleKind
from dashboard.campaigns.plan import Plan, compiled, plan_of
from dashboard.campaigns.preflight import full_checks
from dashboard.campaigns.starting import Start, coming_runs, start_of
from dashboard.campaigns.wall_clock import distance_words, moment_words, parse_wall, read_wall, zone_names
from dashboard.campaigns.wall_clock import zone_of as read_zone
from dashboard.current import current_settings
from dashboard.extensions import utc_now
from dashboard.forms import text
from dashboard.problems import DomainError
from dashboard.security import safe_next
from dashboard.timefmt import duration, zone_name
from worker.rendering.errors import TemplateSyntaxProblem


@dataclass(frozen=True, slots=True)
class Echo:
    """How a schedule was understood: the same moment in every zone that matters, or what is wrong with it.

    `alternatives` are wall times offered for one that does not exist, `doubled` asks which of two is meant.
    """

    moments: tuple[str, ...] = ()
    distance: str = ""
    runs: tuple[str, ...] = ()
    problem: str = ""
    alternatives: tuple[tuple[str, str], ...] = ()
    doubled: bool = False


def way_back(campaign_id: int) -> str:
    """Where a dialog returns to: the page that it was opened on, else the campaign."""
    return safe_next(request.form.get("next")) or url_for("campaigns.show", campaign_id=campaign_id)


def show_audience(
    campaign: Campaign, form: AudienceForm, status: int = 200, differences: list[steps.Difference] | None = None
) -> ResponseReturnValue:
    """The audience step with the funnel of what is chosen in the form."""
    chosen = steps.as_chosen(
        campaign,
        audience_id=chosen_id("adn", form.audience_id.data),
        recipient_column=_column(form, campaign.address_channel),
    )
    plan = plan_of(chosen)
    counted = steps.counts_now(plan)
    return steps.show(
        "audience",
        campaign,
        status=status,
        blocks={"funnel": "funnel"},
        form=form,
        plan=plan,
        funnel=_funnel(plan) if counted else None,
        counted=counted,
        count_url=_with_count("audience", campaign, form),
        differences=differences,
    )


def _column(form: AudienceForm, channel: str) -> str:
    """The column chosen, or the first one where the chosen one does not exist in this audience."""
    offered = [value for value, _label in column_choices(chosen_id("adn", form.audience_id.data), channel)]
    chosen = text(form.recipient_column)
    return chosen if chosen in offered else (offered or ["email"])[0]


def _funnel(plan: Plan) -> Funnel | None:
    campaign = plan.campaign
    if plan.dataset is None or campaign.recipient_column not in address_columns(plan.dataset, campaign.address_channel):
        return None
    return count_funnel(
        plan.dataset,
        recipient_column=campaign.recipient_column,
        channel=campaign.channel,
        category=campaign.category,
    )


def show_content(
    campaign: Campaign, form: ContentForm, status: int = 200, differences: list[steps.Difference] | None = None
) -> ResponseReturnValue:
    """The content step with the coverage of the chosen template by the audience."""
    chosen = steps.as_chosen(
        campaign,
        category=form.category.data or campaign.category,
        channel=channel_of(chosen_id("tpl", form.template_id.data), campaign.channel),
        template_id=chosen_id("tpl", form.template_id.data),
        template_version_id=chosen_id("tpv", form.template_version_id.data),
        provider_id=chosen_id("prv", form.provider_id.data),
        sender_id=chosen_id("snd", form.sender_id.data),
    )
    plan = plan_of(chosen)
    counted = steps.counts_now(plan)
    coverage, problem = _coverage(plan) if counted else (None, "")
    return steps.show(
        "content",
        campaign,
        status=status,
        blocks={"coverage": "coverage"},
        form=form,
        plan=plan,
        coverage=coverage,
        coverage_problem=problem,
        counted=counted,
        count_url=_with_count("content", campaign, form),
        category_hints=CATEGORY_HINTS,
        differences=differences,
    )


def _coverage(plan: Plan) -> tuple[Coverage | None, str]:
    if plan.template_version is None or plan.dataset is None:
        return None, ""
    try:
        return cover(compiled(plan.template_version), plan.dataset), ""
    except TemplateSyntaxProblem as error:
        return None, str(error)


def show_schedule(
    campaign: Campaign, form: ScheduleForm, status: int = 200, differences: list[steps.Difference] | None = None
) -> ResponseReturnValue:
    """The schedule step with the echo of what is typed."""
    return steps.show(
        "schedule",
        campaign,
        status=status,
        blocks={"echo": "echo"},
        form=form,
        echo=echo_of(form, utc_now()),
        zones=zone_names(),
        schedule_hints=SCHEDULE_HINTS,
        late_after=duration(current_settings().late_start_minutes * 60),
        differences=differences,
    )


def schedule_of(form: ScheduleForm) -> dict[str, Any]:
    """The typed schedule as keywords of `editing.choose_schedule`."""
    last_day = form.cron_until.data
    return {
        "kind": text(form.schedule_kind),
        "zone": text(form.schedule_zone).strip(),
        "local": text(form.schedule_local),
        "fold": int(form.schedule_fold.data) if form.schedule_fold.data in ("0", "1") else None,
        "cron": text(form.cron),
        "last_day": datetime(last_day.year, last_day.month, last_day.day) if last_day else None,  # noqa: DTZ001 - a wall date
    }


def hours_of(form: ScheduleForm) -> dict[str, Any]:
    """The typed hours as keywords of `sending_hours.read_hours`."""
    return {
        "opens": text(form.window_opens),
        "closes": text(form.window_closes),
        "days": form.window_days.data or [],
        "zone": text(form.window_zone),
        "column": text(form.window_column),
    }


def echo_of(form: ScheduleForm, now: datetime) -> Echo:
    """How the typed schedule is understood."""
    typed = schedule_of(form)
    if typed["kind"] == ScheduleKind.NOW or not (
        typed["local"] if typed["kind"] == ScheduleKind.ONCE else typed["cron"]
    ):
        return Echo()
    try:
        clock = read_wall(parse_wall(typed["local"]), read_zone(typed["zone"])) if typed["local"] else None
        doubled = typed["kind"] == ScheduleKind.ONCE and clock is not None and clock.doubled
        campaign = Campaign(**schedule_values(**(typed | {"fold": typed["fold"] or 0}), now=now))
        start = start_of(campaign, now)
    except DomainError as error:
        return Echo(
            problem=error.message, alternatives=_alternatives(typed) if error.code == "nonexistent_time" else ()
        )
    runs = coming_runs(campaign, now) if campaign.schedule_kind == ScheduleKind.CRON else []
    return Echo(
        moments=in_zones(start.moment, typed["zone"]),
        distance=distance_words(start.moment, now),
        runs=tuple(f"{moment_words(run, typed['zone'])}, {distance_words(run, now)}" for run in runs),
        doubled=doubled,
    )


def _alternatives(typed: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    clock = read_wall(parse_wall(typed["local"]), read_zone(typed["zone"]))
    return tuple((wall.strftime("%Y-%m-%dT%H:%M"), wall.strftime("%H:%M")) for wall in clock.neighbours)


def in_zones(moment: datetime, zone: str) -> tuple[str, ...]:
    """A moment in the zone of the schedule, in UTC and in the zone of whoever looks, each once."""
    return tuple(moment_words(moment, name) for name in dict.fromkeys((zone or "UTC", "UTC", zone_name())))


def show_review(campaign: Campaign, status: int = 200) -> ResponseReturnValue:
    """The review step: preflight, the facts, and the button that this campaign needs."""
    plan, now = plan_of(campaign), utc_now()
    counted = steps.counts_now(plan)
    return steps.show(
        "review",
        campaign,
        status=status,
        blocks={"preflight": "preflight"},
        plan=plan,
        preflight=full_checks(plan, now) if counted else None,
        start=start_words(campaign, now),
        counted=counted,
        count_url=url_for("campaigns.editing.review_step", campaign_id=campaign.id, count=1),
    )


def start_words(campaign: Campaign, now: datetime) -> Start | None:
    """When it starts by its schedule; None where the schedule does not work."""
    try:
        return start_of(campaign, now)
    except DomainError:
        return None


def _with_count(step: str, campaign: Campaign, form: Any) -> str:
    """The address that counts for what is chosen in the form, saved or not."""
    chosen = {field.name: field.data for field in form if field.data and field.name != "version"}
    return url_for(f"campaigns.editing.{step}", campaign_id=campaign.id, count=1, **chosen)
