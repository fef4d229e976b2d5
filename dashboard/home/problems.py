"""What cannot go on without a person: one line each, the worst first, with the page where it is mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import aliased

from dashboard.audiences.models import Audience, AudienceImport, ImportState
from dashboard.campaigns.models import CampaignState
from dashboard.campaigns.queries import RunningJob, needs_attention
from dashboard.extensions import db, utc_now
from dashboard.figures import percent
from dashboard.providers.health import Traffic, sample_of, state_of, traffic_of
from dashboard.providers.queries import listed

#: An import that nobody touched for two weeks was given up; it stays in the audience's own list.
_WAITING_FOR: Final = timedelta(days=14)
_FAILED_FOR: Final = timedelta(days=2)
_LIMIT: Final = 20


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """`kind` and `state` give the badge (dashboard.status), `words` the reason, `path` and `action` the way out."""

    kind: str
    state: str
    title: str
    words: str
    path: str
    action: str
    permission: str  # who may do it; others get "Look"
    since: datetime | None = None


def problems(running: list[RunningJob]) -> list[ProblemLine]:
    """Every line; `running` are the runs under way, read already for the next card."""
    return [*_providers(), *_stalled(running), *_campaigns(), *_imports()][:_LIMIT]


def _providers() -> Iterator[ProblemLine]:
    now = utc_now()
    found = [provider for provider in listed() if provider.enabled]
    traffic = traffic_of(sample_of([provider.id for provider in found], now), now) if found else {}
    for provider in found:
        seen = traffic.get(provider.id, Traffic())
        state = state_of(provider, seen, ever_used=True)
        if state in ("down", "degraded"):
            trouble = f"{percent(seen.share_of_trouble, 1)} of the last hour's messages were refused, lost or put off."
            words = provider.last_error or trouble
            path = f"/providers/{provider.public_id}"
            yield ProblemLine("provider", state, provider.name, words, path, "Repair", "providers.write")


def _stalled(running: list[RunningJob]) -> Iterator[ProblemLine]:
    for run in running:
        if run.progress.standstill:
            yield ProblemLine(
                "campaign", "stalled", run.campaign.name, run.progress.standstill, run.path, "Look", "campaigns.read"
            )


def _campaigns() -> Iterator[ProblemLine]:
    for found in needs_attention():
        late = found.campaign.state == CampaignState.LATE
        words = found.words or ("Its time passed while nothing ran." if late else "It paused itself.")
        yield ProblemLine(
            kind="campaign",
            state="late" if late else "paused",
            title=found.campaign.name,
            words=words,
            path=found.path,
            action="Decide" if late else "Resume or cancel",
            permission="campaigns.send",
            since=found.since,
        )


_IMPORT_WORDS: Final = {
    ImportState.MAPPING: ("Say which column holds the address.", "Map columns"),
    ImportState.READY: ("It is checked. Nothing is loaded before you say so.", "Load"),
    ImportState.FAILED: ("It stopped.", "Look"),
}


def _imports() -> Iterator[ProblemLine]:
    now, later = utc_now(), aliased(AudienceImport)
    waiting = AudienceImport.state.in_((ImportState.MAPPING, ImportState.READY))
    statement = (
        select(AudienceImport, Audience.name)
        .join(Audience, Audience.id == AudienceImport.audience_id)
        .where(
            Audience.archived_at.is_(None),
            or_(
                waiting & (AudienceImport.updated_at > now - _WAITING_FOR),
                (AudienceImport.state == ImportState.FAILED) & (AudienceImport.updated_at > now - _FAILED_FOR),
            ),
            # Whoever uploaded the file again has dealt with the one before.
            ~exists().where(later.audience_id == AudienceImport.audience_id, later.id > AudienceImport.id),
        )
        .order_by(AudienceImport.id.desc())
        .limit(_LIMIT)
    )
    for row, audience in db.session.execute(statement):
        words, action = _IMPORT_WORDS[ImportState(row.state)]
        title = f"{audience}: {row.filename}" if row.filename else audience
        path = f"/audiences/imports/{row.public_id}"
        words = row.problem or words
        yield ProblemLine("import", row.state, title, words, path, action, "audiences.write", row.updated_at)
