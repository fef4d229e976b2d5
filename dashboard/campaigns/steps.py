"""The four steps of the editor: what each page shows, and what happens when one is saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue

from dashboard.campaigns.coverage import Verdict
from dashboard.campaigns.forms import VersionedForm
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.plan import Plan, plan_of
from dashboard.campaigns.preflight import Check, quick_checks
from dashboard.campaigns.states import EDITABLE_STATES, get_campaign
from dashboard.extensions import utc_now
from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond, target
from dashboard.problems import Conflict, DomainError, NotAllowed
from dashboard.security import may

STEPS = {"audience": "Audience", "content": "Content", "schedule": "Schedule", "review": "Review"}
#: Counting over a dataset of this size is done while the page is made; a larger one by a request of its own.
COUNT_AT_ONCE = 5_000
_ENDPOINTS = {"review": "review_step"}
_NOT_COPIED = frozenset({"id", "version"})


#: (field id, label, yours, theirs) of one field that somebody else saved otherwise: what ui.conflict shows.
Difference = tuple[str, str, str, str]


def editable(campaign_id: int) -> Campaign:
    """The campaign, if its choices may be changed by this user. Raises NotFound, Conflict or NotAllowed."""
    campaign = get_campaign(campaign_id)
    if campaign.state not in EDITABLE_STATES:
        words = f"It is {campaign.state}: what is sent to whom cannot change any more. Duplicate it instead."
        raise Conflict(words, current=campaign)
    if campaign.state != CampaignState.DRAFT and not may("campaigns.send"):
        raise NotAllowed("It waits for its time, so changing it needs the role sender or higher.")
    return campaign


def as_chosen(campaign: Campaign, **changes: Any) -> Campaign:
    """A campaign as it would be with these choices; it is never saved."""
    columns = {column.name for column in Campaign.__table__.columns} - _NOT_COPIED
    values = {name: getattr(campaign, name) for name in columns} | changes
    return Campaign(id=campaign.id, version=campaign.version, **values)


def stepper(campaign: Campaign, checks: list[Check]) -> list[tuple[str, str, str, str, str]]:
    """The items of ui.stepper: (key, label, url, state, reason)."""
    blocking = [check for check in checks if check.verdict is Verdict.BLOCKING]
    items = []
    for key, label in STEPS.items():
        reason = next((check.title for check in blocking if check.step == key), "")
        state = "blocked" if reason else "done"
        if key == "review":
            state = "blocked" if blocking else "todo"
        items.append(
            (
                key,
                label,
                url_for(f"campaigns.editing.{_ENDPOINTS.get(key, key)}", campaign_id=campaign.id),
                state,
                reason,
            )
        )
    return items


def counts_now(plan: Plan) -> bool:
    """Whether this request counts over the dataset: it was asked to, or the dataset is small."""
    small = plan.dataset is None or plan.dataset.record_count <= COUNT_AT_ONCE
    return small or request.args.get("count") == "1"


def show(
    step: str, campaign: Campaign, *, status: int = 200, blocks: dict[str, str] | None = None, **context: Any
) -> ResponseReturnValue:
    """The page of a step, or the block that an htmx request asks for: `blocks` maps the target's id to its block."""
    block = (blocks or {}).get(target(), "step")
    checks = quick_checks(plan_of(campaign), utc_now())
    return respond(
        f"campaigns/edit_{step}.html",
        block,
        status=status,
        campaign=campaign,
        step=step,
        steps=stepper(campaign, checks),
        title=f"{STEPS[step]}: {campaign.name}",
        **context,
    )


def save(
    step: str,
    form: VersionedForm,
    change: Callable[[], Campaign],
    show_again: Callable[[int, list[Difference] | None], ResponseReturnValue],
) -> ResponseReturnValue:
    """Run `change` and go on to the next step; the form again with 422 or 409 where it is refused."""
    if not form.validate():
        return show_again(422, None)
    try:
        saved = change()
    except Conflict as conflict:
        return show_again(409, take_over(form, conflict.current))
    except DomainError as problem:
        show_problem(form, problem)
        return show_again(422, None)
    goal = step if request.form.get("stay") else following(step)
    return redirect_to(url_for(f"campaigns.editing.{_ENDPOINTS.get(goal, goal)}", campaign_id=saved.id), "Saved.")


def following(step: str) -> str:
    """The step after this one; the last one stays."""
    keys = list(STEPS)
    return keys[min(keys.index(step) + 1, len(keys) - 1)]


def take_over(form: VersionedForm, current: Campaign) -> list[Difference]:
    """Let the form carry the version that is saved now, so that saving again overwrites it knowingly; returns where
    the two differ."""
    theirs = type(form).read(current)
    form.version.data, form.version.raw_data = current.version, None
    return [
        (field.id, field.label.text, _shown(field), _shown(theirs[field.name]))
        for field in form
        if field.name in theirs and field.name != "version" and field.data != theirs[field.name].data
    ]


def _shown(field: Any) -> str:
    """What a person reads in the field: the label of a choice, else the text."""
    labels = {str(choice.value): str(choice.label) for choice in getattr(field, "choices", None) or ()}
    return labels.get(str(field.data), str(field.data or "")) or "nothing"
