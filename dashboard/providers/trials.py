"""Test mails of a provider: a few fixed lines through the real path, to one address, left out of reports.

They need a template to hang on in the ledger. It is made at the first test, archived from the start, so that nobody
is offered it; what is sent is always the text of this module, kept with each test as a snapshot.
"""

from __future__ import annotations

from sqlalchemy import select

from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Job, JobKind
from dashboard.jobs.services import Recipient, send_directly
from dashboard.message_templates.models import Category, Template, TemplateVersion, VersionKind
from dashboard.message_templates.send_tests import TestProgress, progress_of, refuse_too_many
from dashboard.problems import DomainError, NotFound
from dashboard.providers.queries import default_sender
from dashboard.providers.services import get_provider
from dashboard.suppressions.services import normal_address
from worker.rendering.content import EmailContent

SLUG = "carillon-provider-test"
CONTENT = EmailContent(
    subject="It works: mail through {{ provider_name }}",
    html=(
        "<p>Hello,</p><p>this mail was sent through <strong>{{ provider_name }}</strong> because {{ tester }} "
        "pressed “Send a test mail” in Carillon.</p><p>It left {{ from_address }} by the same way as every other "
        "mail of this provider, so they should reach you too. Nothing has to be done.</p>"
    ),
    text=(
        "Hello,\n\nthis mail was sent through {{ provider_name }} because {{ tester }} pressed “Send a test mail” "
        "in Carillon.\n\nIt left {{ from_address }} by the same way as every other mail of this provider, so they "
        "should reach you too. Nothing has to be done.\n"
    ),
)


def send_trial(*, provider_id: int, address: str, sender_id: int | None, tester: str, tester_id: int) -> Job:
    """Send the test mail and return its job.

    DomainError for what is no address (field "address"), a From address that is not the provider's ("sender_id") or
    a provider that is disabled; RateLimited after ten tests within a minute.
    """
    recipient = normal_address(address)
    with transaction():
        refuse_too_many(tester_id)
        provider = get_provider(provider_id)
        sender = {row.id: row.address for row in provider.senders}.get(sender_id or 0) or default_sender(provider)
        if not sender:
            raise DomainError("Choose one of the From addresses.", field="sender_id", code="no_sender")
        template = _template(provider.channel)
        snapshot = TemplateVersion(
            template_id=template.id, kind=VersionKind.SNAPSHOT, content=CONTENT.to_dict(), created_by=tester_id
        )
        db.session.add(snapshot)
        db.session.flush()
        job = send_directly(
            kind=JobKind.TEST,
            template=template,
            template_version=snapshot,
            recipients=[Recipient(email=recipient)],
            provider_id=provider.id,
            sender_id=sender_id,
            call_values={"provider_name": provider.name, "tester": tester, "from_address": sender},
            is_test=True,
            created_by=tester_id,
        )
        record(
            "provider.send_test", provider, summary=f"Test mail through {provider.name}", after={"job": job.public_id}
        )
    return job


def trial_progress(provider_id: int, job_id: int) -> TestProgress:
    """How a test mail of this provider is getting on; NotFound for any other job."""
    job = db.session.get(Job, job_id)
    template = db.session.get(Template, job.template_id) if job else None
    if job is None or template is None or job.provider_id != provider_id or template.slug != SLUG:
        raise NotFound("There is no such test mail.")
    return progress_of(template, job_id)


def _template(channel: str) -> Template:
    found = db.session.scalars(select(Template).where(Template.slug == SLUG)).first()
    if found is not None:
        return found
    name = "Provider test"
    if db.session.scalar(select(Template.id).where(Template.name == name)) is not None:
        name = f"Provider test ({SLUG})"
    template = Template(
        id=new_id(),
        name=name,
        slug=SLUG,
        channel=channel,
        category=Category.TRANSACTIONAL,
        description="What “Send a test mail” on a provider's page sends. Made by the system.",
        archived_at=utc_now(),
    )
    db.session.add(template)
    db.session.flush()
    return template
