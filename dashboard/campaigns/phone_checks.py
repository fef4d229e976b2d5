"""What a preflight says of a text message: whether a regulator knows it, and how long it is over the audience."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.campaigns.plan import Plan, compiled
from dashboard.current import current_settings
from dashboard.figures import percent
from dashboard.message_templates.sms_lengths import Lengths, lengths_over
from worker.rendering.errors import TemplateSyntaxProblem
from worker.rendering.sms import SmsContent


@dataclass(frozen=True, slots=True)
class Concern:
    """One line of the preflight; `wrong` makes it a warning."""

    code: str
    title: str
    words: str
    wrong: bool


def registration_concern(plan: Plan) -> Concern | None:
    """Whether the id of the registered text is missing where one is needed; None where nothing is to be said."""
    content = plan.content
    if not isinstance(content, SmsContent):
        return None
    if content.registered_template or current_settings().default_country != "IN":
        return None
    words = "Numbers in India are reached with the id of the registered text only: enter it in the template."
    return Concern("no_registration", "No DLT template id", words, wrong=True)


def length_concern(plan: Plan) -> Concern | None:
    """How long an SMS is over the audience; None for other channels and where nothing can be rendered."""
    lengths = measured(plan) if isinstance(plan.content, SmsContent) else None
    if lengths is None or not lengths.looked_at:
        return None
    if lengths.ucs2:
        words = f"{percent(lengths.ucs2, lengths.looked_at)} of the messages have characters outside of GSM-7, which "
        return Concern("ucs2", "UCS-2 is forced", f"{words}leaves 70 to a segment. {lengths.words}", wrong=True)
    long = max(lengths.segments) > 1
    title = "Some messages take more than one segment" if long else "Every message fits into one segment"
    return Concern("segments", title, lengths.words, wrong=long)


def measured(plan: Plan) -> Lengths | None:
    """The lengths over the audience; None where template or audience is missing or broken."""
    if plan.template_version is None or plan.dataset is None:
        return None
    try:
        return lengths_over(compiled(plan.template_version), plan.dataset)
    except TemplateSyntaxProblem:
        return None
