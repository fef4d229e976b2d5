"""Changing the state of a campaign: one guarded UPDATE, so that of two callers one wins and the other is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, update

from dashboard.campaigns.models import CAMPAIGN_TRANSITIONS, Campaign, CampaignState
from dashboard.extensions import db, utc_now
from dashboard.problems import Conflict, NotFound

#: States in which choices (template, audience, provider, schedule …) may still be changed.
EDITABLE_STATES = frozenset({CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.LATE})


class AlreadyThere(Conflict):
    """The campaign is in the wanted state already: somebody pressed twice, or a colleague was faster."""

    code = "already_there"


def get_campaign(campaign_id: int) -> Campaign:
    """The campaign of that id; NotFound where there is none."""
    campaign = db.session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound("There is no such campaign. It may have been deleted.")
    return campaign


def move(
    campaign: Campaign,
    to: CampaignState,
    *,
    allowed: Iterable[CampaignState] | None = None,
    version: int | None = None,
    where: ColumnElement[bool] | None = None,
) -> bool:
    """Take the campaign to another state if it is in one of `allowed` (default: all that CAMPAIGN_TRANSITIONS has),
    at that version, and `where` holds; True where this call did it. Call it inside `transaction()`."""
    origins = [state for state, following in CAMPAIGN_TRANSITIONS.items() if to in following]
    conditions: list[ColumnElement[bool]] = [
        Campaign.id == campaign.id,
        Campaign.state.in_([state for state in origins if allowed is None or state in allowed]),
    ]
    if version is not None:
        conditions.append(Campaign.version == version)
    if where is not None:
        conditions.append(where)
    db.session.flush()
    statement = (
        update(Campaign)
        .where(*conditions)
        .values(state=to, version=Campaign.version + 1, updated_at=utc_now())
        .execution_options(synchronize_session=False)
    )
    result = cast("CursorResult[Any]", db.session.execute(statement))
    db.session.refresh(campaign)
    return result.rowcount == 1


def move_or_refuse(
    campaign: Campaign,
    to: CampaignState,
    *,
    allowed: Iterable[CampaignState] | None = None,
    version: int | None = None,
) -> None:
    """As `move`, but raises: AlreadyThere where it is in that state already, else Conflict with what it is now."""
    if move(campaign, to, allowed=allowed, version=version):
        return
    if campaign.state == to:
        raise AlreadyThere(f"It is {to.value} already.", current=campaign)
    if version is not None and campaign.version != version:
        words = "Somebody else changed this campaign in the meantime. Look at it again, then repeat what you did."
        raise Conflict(words, current=campaign)
    raise Conflict(f"That is not possible while it is {campaign.state}. Look at it again.", current=campaign)
