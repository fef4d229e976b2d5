"""The values of single messages go when their days are over; messages, counters and audiences stay (both databases)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select, text, true
from sqlalchemy.orm import Session

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.campaigns.services import launch_campaign
from dashboard.events.models import Event
from dashboard.events.receiving import receive
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import public_id
from dashboard.jobs.models import Job, JobKind, JobState
from dashboard.jobs.queries import job_totals
from dashboard.jobs.services import Recipient, cancel_job, send_directly, settle_job
from dashboard.message_templates.models import Category
from dashboard.message_templates.send_tests import progress_of
from dashboard.messages.models import Message
from dashboard.messages.services import resend
from dashboard.problems import DomainError
from tests.factories.api_keys import bearer, new_key, new_route
from tests.factories.campaigns import new_campaign, new_desk, settle
from tests.factories.events import PAYLOAD, incoming, new_event
from tests.factories.sending import new_template
from tests.worker.test_keeping import after, change, forget, old_news
from worker import keeping
from worker.engine.cancelling import cancel_some
from worker.engine.deliver import work
from worker.keeping import forget_logs

DAYS = 90


def told(event: Event) -> Job:
    """The finished job of an event's only channel."""
    send = receive(event.slug, incoming()).receipt.sends[0]
    assert send.job_id is not None
    return ended(send.job_id)


def read(job_id: int) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, job_id, populate_existing=True)


def ended(job_id: int) -> Job:
    """The job, sent and done with."""
    work(job_id)
    settle_job(job_id=job_id)
    return read(job_id)


def tried(count: int) -> Job:
    """A job of its own recipients, finished."""
    template, version = new_template(category=Category.TRANSACTIONAL)
    job = send_directly(
        kind=JobKind.TEST,
        template=template,
        template_version=version,
        recipients=[Recipient(f"person{number}@example.com", variables={"name": "Ada"}) for number in range(count)],
        call_values={"name": "Grace"},
        is_test=True,
    )
    return ended(job.id)


def records_of(job: Job) -> int:
    where = Record.dataset_version_id == job.dataset_version_id
    return db.session.scalar(select(func.count()).select_from(Record).where(where)) or 0


def test_a_payload_goes_where_it_was_copied_to_and_its_page_says_so(client: FlaskClient) -> None:
    job = told(new_event("email"))
    where = f"/messages/{public_id('msg', job.first_message_id)}"
    forget(after(days=DAYS - 1))
    assert (read(job.id).event_values, records_of(job)) == (PAYLOAD, 1)
    assert "A-1815" in client.get(f"{where}?tab=data").text
    totals, day = job_totals(job.id), after(days=DAYS + 1)
    assert old_news(day)
    forget(day)
    gone = read(job.id)
    assert (gone.event_values, gone.call_values, records_of(gone)) == ({}, {}, 0)
    assert gone.values_deleted_at == day
    assert db.session.get(DatasetVersion, gone.dataset_version_id) is not None
    assert job_totals(job.id) == totals
    message = db.session.get_one(Message, job.first_message_id)
    assert (message.state, message.recipient) == ("sent", "ada@example.com")
    words = f"The values it was made from were deleted on {day.day} {day:%b %Y}"
    for tab in ("content", "text", "headers", "data"):
        page = client.get(f"{where}?tab={tab}").text
        assert words in page
        assert "by the 90-day rule." in page
        assert "A-1815" not in page
    assert "Its values were deleted by a rule" in client.get(where).text
    assert not old_news(day)


def test_such_a_message_is_not_sent_again(client: FlaskClient) -> None:
    job = told(new_event("email"))
    forget(after(days=DAYS + 1))
    with pytest.raises(DomainError, match="cannot be made again") as refused:
        resend(message_id=job.first_message_id)
    assert refused.value.code == "values_deleted"
    answer = client.post(f"/messages/{public_id('msg', job.first_message_id)}/resend")
    assert answer.status_code == 422
    assert "were deleted on" in answer.text


def test_the_channels_of_one_call_go_together(app: Flask) -> None:
    slugs = {}
    for channel in ("email", "sms"):
        event = new_event(channel)  # brings a template and a route
        slugs[channel] = public_id("tpl", event.deliveries[0 if channel == "email" else 1].template_id or 0)
    body = {
        "channels": {channel: {"template": slug} for channel, slug in slugs.items()},
        "recipients": [{"email": "ada@example.com", "phone": "+919876543210", "variables": PAYLOAD}],
    }
    answer = app.test_client().post("/api/v1/messages", json=body, headers=bearer(new_key()[1]))
    assert answer.status_code == 202, answer.text
    db.session.rollback()
    first, second = db.session.scalars(select(Job).order_by(Job.id)).all()
    assert first.dataset_version_id == second.dataset_version_id
    ended(first.id)
    forget(after(days=DAYS + 1))
    assert (read(first.id).values_deleted_at, records_of(first)) == (None, 1)
    ended(second.id)
    forget(after(days=DAYS + 1))
    assert records_of(first) == 0
    assert read(first.id).values_deleted_at is not None
    assert read(second.id).values_deleted_at is not None


def test_days_count_from_the_end_of_a_job(app: Flask) -> None:
    job = told(new_event("email"))
    with transaction():
        read(job.id).finished_at = after(days=30)
    forget(after(days=DAYS + 1))
    assert read(job.id).values_deleted_at is None
    forget(after(days=DAYS + 31))
    assert read(job.id).values_deleted_at is not None


def test_what_is_not_ended_is_kept(app: Flask) -> None:
    job = told(new_event("email"))
    with transaction():
        read(job.id).state = JobState.PAUSED
    forget(after(days=9999))
    assert records_of(job) == 1


def test_audiences_and_campaigns_are_not_touched(app: Flask) -> None:
    desk = new_desk(3)
    campaign = launch_campaign(campaign_id=new_campaign(desk).id, actor_id=None)
    settle(campaign, [("sent", "")] * 3)
    forget(after(days=9999))
    assert records_of(campaign) == 3
    assert read(campaign.id).values_deleted_at is None
    with transaction():  # of an audience that is deleted: its rows are another rule's
        read(campaign.id).campaign_id = None
        db.session.get_one(DatasetVersion, campaign.dataset_version_id).audience_id = None
    forget(after(days=9999))
    assert records_of(campaign) == 3


def test_one_that_was_cancelled_before_its_turn_still_answers(app: Flask) -> None:
    new_route(Category.TRANSACTIONAL)
    template, _version = new_template(category=Category.TRANSACTIONAL)
    headers = bearer(new_key()[1])
    body = {"template": template.public_id, "recipients": [{"email": "ada@example.com", "variables": {"name": "Ada"}}]}
    sent = app.test_client().post("/api/v1/messages", json=body, headers=headers)
    message = (sent.json or {})["messages"][0]["id"]
    db.session.rollback()
    job = db.session.scalars(select(Job)).one()
    cancel_job(job_id=job.id)
    cancel_some(job.id)
    settle_job(job_id=job.id)
    forget(after(days=DAYS + 1))
    answer = app.test_client().get(f"/api/v1/messages/{message}", headers=headers).json or {}
    assert (answer["state"], read(job.id).values_deleted_at is not None) == ("cancelled", True)


def test_a_test_send_still_lists_whom_it_went_to(app: Flask) -> None:
    new_route(Category.TRANSACTIONAL)
    job = tried(2)
    forget(after(days=DAYS + 1))
    template = db.session.get_one(type(new_template()[0]), job.template_id)
    lines = progress_of(template, job.id).lines
    assert [line.address for line in lines] == ["person0@example.com", "person1@example.com"]
    assert {line.state for line in lines} == {"sent"}


def test_zero_days_are_for_ever(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, app, message_values_days=0, event_log_days=0)
    job = told(new_event("email"))
    assert not old_news(after(days=9999))
    forget(after(days=9999))
    assert read(job.id).event_values == PAYLOAD


def test_many_go_in_parts(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    new_route(Category.TRANSACTIONAL)
    jobs = [tried(count) for count in (2, 2, 5, 1)]
    monkeypatch.setattr(keeping, "RECORDS", 4)
    left = []
    while forget_logs(db.engine, after(days=DAYS + 1), seconds=0):
        left.append([records_of(job) for job in map(read, (job.id for job in jobs))])
    assert left == [[0, 0, 5, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


def plan_of(now: datetime) -> str:
    values = keeping._values(now)
    assert values is not None
    postgres = db.engine.dialect.name == "postgresql"
    compiled = values.limit(1).compile(db.engine, compile_kwargs={"literal_binds": True})
    with transaction() as session:
        if postgres:
            _write_many_that_are_done(session)
            session.execute(text("ANALYZE jobs"))
            session.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN " if postgres else "EXPLAIN QUERY PLAN "
        found = session.execute(text((explain + str(compiled)).replace(":", "\\:")))
        return "\n".join(" ".join(map(str, row)) for row in found)


def _write_many_that_are_done(session: Session) -> None:
    """A thousand old jobs whose values are gone: of one job alone PostgreSQL reads any index for the same price."""
    numbers = func.generate_series(1, 1000).table_valued("number").render_derived()
    changed = {"id": numbers.c.number, "values_deleted_at": func.now()}
    columns = [changed.get(column.name, column).label(column.name) for column in Job.__table__.columns]
    rows = select(*columns).select_from(Job).join(numbers, true())
    session.execute(insert(Job).from_select([column.name for column in columns], rows))


def test_the_look_for_old_values_reads_indexes(app: Flask) -> None:
    told(new_event("email"))
    plan = plan_of(utc_now() - timedelta(days=1))
    assert "ix_jobs_values_kept" in plan, plan
    assert "ix_jobs_dataset_version_id" in plan, plan
