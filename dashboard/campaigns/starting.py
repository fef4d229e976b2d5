"""When a campaign starts by its schedule, with the words that pages and checks show for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.campaigns.models import Campaign, ScheduleKind
from dashboard.campaigns.repeating import next_run, next_runs
from dashboard.campaigns.wall_clock import distance_words, moment_of, moment_words
from dashboard.problems import DomainError


@dataclass(frozen=True, slots=True)
class Start:
    """The next start; `zone` is the one the schedule was written in."""

    moment: datetime
    zone: str
    words: str


def start_of(campaign: Campaign, now: datetime) -> Start:
    """The first start later than `now`. DomainError where the schedule names a time that is past, that does not
    exist, or none at all."""
    kind = ScheduleKind(campaign.schedule_kind)
    if kind is ScheduleKind.NOW:
        return Start(now, campaign.schedule_zone, "at once, when it is launched")
    zone = campaign.schedule_zone
    if kind is ScheduleKind.ONCE:
        moment = moment_of(campaign.schedule_local, zone, campaign.schedule_fold)
        if moment <= now:
            words = f"{moment_words(moment, zone)} is past ({distance_words(moment, now)}). Choose a later time."
            raise DomainError(words, field="schedule_local", code="in_the_past")
        return Start(moment, zone, f"{moment_words(moment, zone)}, {distance_words(moment, now)}")
    coming = next_run(campaign.cron, zone, after=now, until=campaign.cron_until)
    if coming is None:
        raise DomainError("It has no run left before its end. Choose a later end.", field="cron_until", code="no_run")
    words = f"repeats by {campaign.cron}, next {moment_words(coming, zone)}, {distance_words(coming, now)}"
    return Start(coming, zone, words)


def coming_runs(campaign: Campaign, now: datetime, count: int = 5) -> list[datetime]:
    """The next starts of a campaign that waits for its time; none for one that does not."""
    if campaign.schedule_kind == ScheduleKind.CRON:
        try:
            return next_runs(campaign.cron, campaign.schedule_zone, after=now, until=campaign.cron_until, count=count)
        except DomainError:
            return []
    return [campaign.next_run_at] if campaign.next_run_at else []
