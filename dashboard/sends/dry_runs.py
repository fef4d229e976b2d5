"""An order looked at and not carried out: what each recipient would get, or why not."""

from __future__ import annotations

import json

from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.messages.models import MessageState
from dashboard.problems import DomainError
from dashboard.sends.orders import ADDRESS_COLUMNS, Addressee, Order, Target, targets_of
from dashboard.sends.services import check_times
from worker.engine.attempts import Verdict
from worker.engine.composers import composer_for
from worker.engine.composing import BadAddress, Composer
from worker.engine.dialects import ledger_for
from worker.engine.plan import CannotSend, plan_of
from worker.engine.routing import only
from worker.engine.rows import RecordRow
from worker.rendering.errors import RenderError


def dry_run(order: Order) -> list[tuple[Target, list[Verdict]]]:
    """For each part the verdict on each recipient: queued (it would be sent), failed or suppressed.

    Nothing is written. Raises DomainError or NotAllowed as the sending would.
    """
    check_times(order)
    return [(target, _verdicts(order, target)) for target in targets_of(order)]


def _verdicts(order: Order, target: Target) -> list[Verdict]:
    job = Job(
        id=0,
        state="running",
        channel=target.channel,
        category=target.template.category,
        template_id=target.template.id,
        template_version_id=target.version.id,
        dataset_version_id=0,
        recipient_column=ADDRESS_COLUMNS[target.channel],
        provider_id=target.provider.id,
        from_address=target.sender.address,
        from_name=target.sender.name,
        global_values=dict(target.global_values),
        call_values={},
        is_test=False,
        resend_unknown=False,
        first_message_id=0,
    )
    try:
        plan = plan_of(db.session(), current_settings(), job, only(job, target.provider), signs=target.signs)
    except CannotSend as problem:
        raise DomainError(str(problem), code="cannot_send") from problem
    composer, ledger = composer_for(plan), ledger_for(db.engine)
    addresses = [address.lower() for one in order.addressees if (address := getattr(one, job.recipient_column))]
    reasons = ledger.suppressed(db.session.connection(), plan.facts.channel, addresses, plan.facts.suppression_scopes)
    return [_verdict(composer, number, one, order, reasons) for number, one in enumerate(order.addressees)]


def _verdict(composer: Composer, number: int, addressee: Addressee, order: Order, reasons: dict[str, str]) -> Verdict:
    values = json.dumps({**order.variables, **addressee.variables})
    record = RecordRow(number, addressee.email, addressee.phone, addressee.external_id, values, addressee.push_token)
    try:
        recipient = composer.recipient(record)
        if recipient.lower() in reasons:
            return Verdict(MessageState.SUPPRESSED, reasons[recipient.lower()])
        composer.compose(number, record, recipient)
    except BadAddress as problem:
        return Verdict(MessageState.FAILED, problem.code, problem.words)
    except RenderError as error:
        return Verdict(MessageState.FAILED, error.code, error.message)
    return Verdict(MessageState.QUEUED)
