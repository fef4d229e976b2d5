"""Test messages of a provider: a few fixed lines through the real path, to one address, left out of reports.

They need a template of their channel to hang on in the ledger. It is made at the first test, archived from the start,
so that nobody is offered it; what is sent is always the text of this module, kept with each test as a snapshot.
"""

from __future__ import annotations

from sqlalchemy import select

from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Job, JobKind
from dashboard.jobs.services import send_directly
from dashboard.message_templates.models import Category, Channel, Template, TemplateVersion, VersionKind
from dashboard.message_templates.recipients import recipients_of
from dashboard.message_templates.send_tests import TestProgress, progress_of, refuse_too_many
from dashboard.problems import DomainError, NotFound
from dashboard.providers.queries import CHANNEL_WORDS, default_sender
from dashboard.providers.sender_ids import sender_words
from dashboard.providers.services import get_provider
from worker.rendering.content import Content, EmailContent
from worker.rendering.push import PushContent
from worker.rendering.sms import SmsContent

SLUGS = {
    Channel.EMAIL: "carillon-provider-test",
    Channel.SMS: "carillon-provider-test-sms",
    Channel.PUSH: "carillon-provider-test-push",
}
_EMAIL = EmailContent(
    subject="It works: mail through {{ provider_name }}",
    html=(
        "<p>Hello,</p><p>this mail was sent through <strong>{{ provider_name }}</strong> because {{ tester }} "
        "pressed “Send a test message” in Carillon.</p><p>It left {{ from_address }} by the same way as every other "
        "mail of this provider, so they should reach you too. Nothing has to be done.</p>"
    ),
    text=(
        "Hello,\n\nthis mail was sent through {{ provider_name }} because {{ tester }} pressed “Send a test message” "
        "in Carillon.\n\nIt left {{ from_address }} by the same way as every other mail of this provider, so they "
        "should reach you too. Nothing has to be done.\n"
    ),
)

#: What a test of each channel says. The text message fits into one segment with any name up to 40 characters.
CONTENTS: dict[Channel, Content] = {
    Channel.EMAIL: _EMAIL,
    Channel.SMS: SmsContent(
        "It works: this message was sent through {{ provider_name|truncate(40) }} because somebody tried it in "
        "Carillon. Nothing has to be done."
    ),
    Channel.PUSH: PushContent(
        "It works: {{ provider_name }}",
        "{{ tester }} pressed “Send a test message” in Carillon. Nothing has to be done.",
    ),
}


def send_trial(*, provider_id: int, address: str, sender_id: int | None, tester: str, tester_id: int) -> Job:
    """Send the test message and return its job.

    `address` is what the provider's channel writes to: an email address, a phone number or a device's token.
    DomainError for what is none (field "address"), a sender that is not the provider's ("sender_id") or a provider
    that is disabled; RateLimited after ten tests within a minute.
    """
    with transaction():
        provider = get_provider(provider_id)
        channel = Channel(provider.channel)
        recipient = _recipient(channel, address)
        refuse_too_many(tester_id)
        sender = {row.id: row.address for row in provider.senders}.get(sender_id or 0) or default_sender(provider)
        words = sender_words(channel)
        if words and not sender:
            raise DomainError(f"Choose one of the {words.title}.", field="sender_id", code="no_sender")
        template = _template(channel)
        snapshot = TemplateVersion(
            template_id=template.id,
            kind=VersionKind.SNAPSHOT,
            content=CONTENTS[channel].to_dict(),
            created_by=tester_id,
        )
        db.session.add(snapshot)
        db.session.flush()
        job = send_directly(
            kind=JobKind.TEST,
            template=template,
            template_version=snapshot,
            recipients=[recipients_of(channel).recipient(recipient, {})],
            provider_id=provider.id,
            sender_id=sender_id,
            call_values={"provider_name": provider.name, "tester": tester, "from_address": sender},
            is_test=True,
            created_by=tester_id,
        )
        summary = f"Test message through {provider.name}"
        record("provider.send_test", provider, summary=summary, after={"job": job.public_id})
    return job


def _recipient(channel: Channel, address: str) -> str:
    try:
        return recipients_of(channel).check(address.strip())
    except ValueError as problem:
        raise DomainError(str(problem), field="address") from problem


def trial_progress(provider_id: int, job_id: int) -> TestProgress:
    """How a test message of this provider is getting on; NotFound for any other job."""
    job = db.session.get(Job, job_id)
    template = db.session.get(Template, job.template_id) if job else None
    if job is None or template is None or job.provider_id != provider_id or template.slug not in SLUGS.values():
        raise NotFound("There is no such test message.")
    return progress_of(template, job_id)


def _template(channel: Channel) -> Template:
    slug = SLUGS[channel]
    found = db.session.scalars(select(Template).where(Template.slug == slug)).first()
    if found is not None:
        return found
    name = "Provider test" if channel is Channel.EMAIL else f"Provider test ({CHANNEL_WORDS[channel]})"
    if db.session.scalar(select(Template.id).where(Template.name == name)) is not None:
        name = f"Provider test ({slug})"
    template = Template(
        id=new_id(),
        name=name,
        slug=slug,
        channel=channel,
        category=Category.TRANSACTIONAL,
        description="What “Send a test message” on a provider's page sends. Made by the system.",
        archived_at=utc_now(),
    )
    db.session.add(template)
    db.session.flush()
    return template
