"""Twenty rendered recipients, each in a frame of its own where nothing of it can run."""

from __future__ import annotations

import random

from flask import Blueprint, make_response, request
from flask.typing import ResponseReturnValue

from dashboard.campaigns.plan import plan_of
from dashboard.campaigns.samples import render_one, render_samples
from dashboard.campaigns.states import get_campaign
from dashboard.htmx import respond
from dashboard.messages.masking import shown
from dashboard.problems import NotFound
from dashboard.security import PREVIEW_POLICY, requires
from worker.rendering.content import RenderedEmail
from worker.rendering.push_checks import LOCK_SCREENS

bp = Blueprint("samples", __name__)


@bp.get('/<pid("cmp"):campaign_id>/samples')
@requires("campaigns.read")
def index(campaign_id: int) -> ResponseReturnValue:
    campaign = get_campaign(campaign_id)
    seed = request.args.get("seed", type=int) or random.randrange(1, 1_000_000)
    samples = render_samples(plan_of(campaign), seed=seed)
    wanted = request.args.get("record", 0, type=int) - 1
    chosen = next((sample for sample in samples if sample.record_no == wanted), samples[0] if samples else None)
    return respond(
        "campaigns/samples.html",
        "samples",
        campaign=campaign,
        plan=plan_of(campaign),
        samples=samples,
        chosen=chosen,
        seed=seed,
        next_seed=random.randrange(1, 1_000_000),
        shown=shown,
        lock_screens=LOCK_SCREENS,
        title=f"Samples: {campaign.name}",
    )


@bp.get('/<pid("cmp"):campaign_id>/samples/<int:record_no>')
@requires("campaigns.read")
def document(campaign_id: int, record_no: int) -> ResponseReturnValue:
    sample = render_one(plan_of(get_campaign(campaign_id)), record_no)
    if sample is None or not isinstance(sample.rendered, RenderedEmail):
        raise NotFound("This sample cannot be rendered.")
    return make_response(
        sample.rendered.html,
        200,
        {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": PREVIEW_POLICY},
    )
