"""Providers for tests, made by the service that people use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job, JobState
from dashboard.messages.models import Message, MessageState
from dashboard.providers.models import Provider
from dashboard.providers.services import From, create_provider
from tests.factories.sending import new_job, people

NEWS = From("news@shop.example", "The shop", is_default=True)
PASSWORD = "correct horse battery"


def new_relay(name: str = "Office relay", **settings: Any) -> Provider:
    """An SMTP provider with a user name and a password."""
    values = {"host": "mail.shop.example", "username": "desk", "password": PASSWORD}
    return create_provider(name=name, vendor="smtp", settings=values | settings, senders=[NEWS], by="Mira")


def new_inbox(name: str = "Sandbox", **settings: Any) -> Provider:
    """A sandbox provider."""
    return create_provider(name=name, vendor="sandbox", settings=settings, senders=[NEWS])


def add_run(
    provider: Provider, outcomes: Sequence[tuple[MessageState, str]], *, at: datetime | None = None, reached: int = 0
) -> Job:
    """A run of the provider that handed these (state, code) over at a moment, and has `reached` more records ahead."""
    moment = at or utc_now() - timedelta(minutes=5)
    job = new_job(people(len(outcomes) + reached), provider=provider)
    with transaction() as session:
        job = session.get_one(Job, job.id)
        job.started_at = moment
        if not reached:
            job.state, job.finished_at = JobState.FINISHED, moment
        for number, (state, code) in enumerate(outcomes):
            session.add(_message(job, number, state, code, moment))
    return job


def _message(job: Job, number: int, state: MessageState, code: str, at: datetime) -> Message:
    return Message(
        id=job.first_message_id + number,
        job_id=job.id,
        record_no=number,
        chunk_no=0,
        template_id=job.template_id,
        template_version_id=job.template_version_id,
        provider_id=job.provider_id,
        channel="email",
        category=job.category,
        recipient=f"person{number}@example.com",
        state=state,
        code=code or None,
        detail=f"the server said {code}" if code else None,
        attempts=1,
        handed_over_at=at,
    )


def fresh(provider: Provider) -> Provider:
    """The provider as it stands in the database now."""
    identifier = provider.id
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(Provider, identifier)
