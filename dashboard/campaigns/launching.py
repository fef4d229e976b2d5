"""The sheet that a person confirms before a campaign starts: who, what, when, and the count to type for many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.campaigns.models import Campaign
from dashboard.campaigns.plan import Plan, plan_of
from dashboard.campaigns.preflight import Preflight, first_blocking, full_checks
from dashboard.campaigns.starting import Start, start_of
from dashboard.extensions import utc_now
from dashboard.figures import number
from dashboard.problems import DomainError

#: A launch to more recipients asks to type their number: a wrong audience is noticed there.
TYPED_ABOVE = 10_000


@dataclass(frozen=True, slots=True)
class Sheet:
    """What would happen. `start` is None where it starts at once, or where the schedule does not work."""

    plan: Plan
    preflight: Preflight
    start: Start | None
    at: datetime

    @property
    def recipients(self) -> int:
        return self.preflight.funnel.to_send if self.preflight.funnel else 0

    @property
    def asks_for_count(self) -> bool:
        return self.recipients > TYPED_ABOVE


def sheet_of(campaign: Campaign, *, at_once: bool) -> Sheet:
    """Everything checked and counted for this moment."""
    plan, now = plan_of(campaign), utc_now()
    preflight = full_checks(plan, now, at_once=at_once)
    start = None
    if not at_once:
        try:
            start = start_of(campaign, now)
        except DomainError:
            start = None  # stands among the blocking lines, with its words
    return Sheet(plan=plan, preflight=preflight, start=start, at=start.moment if start else now)


def confirm(sheet: Sheet, typed_count: str) -> None:
    """DomainError where something blocks it, or where the typed number is not the number of recipients."""
    check = first_blocking(sheet.preflight.checks)
    if check is not None:
        raise DomainError(f"{check.title}. {check.evidence}", code=check.code)
    digits = "".join(character for character in typed_count if character.isdigit())
    if sheet.asks_for_count and digits != str(sheet.recipients):
        words = f"Type the number of recipients, {number(sheet.recipients)}, to confirm that they are the right ones."
        raise DomainError(words, field="typed_count", code="count_differs")
