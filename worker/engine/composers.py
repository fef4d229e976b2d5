"""The composer of a job's channel."""

from __future__ import annotations

from worker.engine.composing import Composer
from worker.engine.composing_email import EmailComposer
from worker.engine.composing_push import PushComposer
from worker.engine.composing_sms import SmsComposer
from worker.engine.plan import Plan

_COMPOSERS: dict[str, type[Composer]] = {"email": EmailComposer, "sms": SmsComposer, "push": PushComposer}


def composer_for(plan: Plan) -> Composer:
    """A new composer, for one thread."""
    return _COMPOSERS[plan.facts.channel](plan)
