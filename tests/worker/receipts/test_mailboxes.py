"""From a server on loopback to the ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now, write_connection
from dashboard.ids import public_id
from dashboard.jobs.models import Job
from dashboard.messages.models import Message, MessageState
from dashboard.providers.models import Provider
from dashboard.suppressions.models import Suppression
from dashboard.webhooks.models import BounceMailbox, Callback
from tests.factories.providers import add_run
from tests.factories.sending import new_provider
from tests.worker.providers.mail_hosts import Post, mail_host, mailbox_provider
from tests.worker.receipts.mails import POSTFIX, plain, report
from worker.actors.receipts import read_bounce_mailbox
from worker.engine.return_path import return_address
from worker.receipts.mailboxes import due_mailboxes, read_mailbox

BOTH = pytest.mark.parametrize("protocol", ["imap", "pop3"])


def run_of(provider: Provider, *states: MessageState) -> Job:
    return add_run(provider, [(state, "250") for state in states])


def returned_to(job: Job, number: int = 0) -> str:
    return return_address("bounces@example.com", job.first_message_id + number, key=current_settings().key)


def states(job: Job) -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Message.state).where(Message.job_id == job.id).order_by(Message.record_no)))


def mailbox_of(provider: Provider) -> BounceMailbox:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(BounceMailbox, provider.id)


def counts(provider: Provider) -> list[dict[str, int]]:
    db.session.rollback()
    return list(
        db.session.scalars(select(Callback.counts).where(Callback.provider_id == provider.id).order_by(Callback.id))
    )


def make_due(provider: Provider) -> None:
    with write_connection(db.engine) as connection:
        connection.execute(
            update(BounceMailbox).where(BounceMailbox.provider_id == provider.id).values(next_read_at=utc_now())
        )


@BOTH
def test_a_bounce_reaches_its_message_and_leaves_the_mailbox(app: Flask, protocol: str) -> None:
    post = Post()
    with mail_host(protocol, post) as port:
        provider = mailbox_provider(port, protocol)
        job = run_of(provider, MessageState.SENT, MessageState.SENT)
        post.mails = {1: report(POSTFIX, to=returned_to(job, 1))}

        read_bounce_mailbox(provider.id)

    assert states(job) == ["sent", "bounced"]
    assert post.mails == {}
    assert counts(provider) == [{"applied": 1}]
    assert db.session.scalars(select(Suppression.reason)).all() == ["bounced"]
    assert (mailbox_of(provider).mails, mailbox_of(provider).problem) == (1, "")


@BOTH
def test_mails_that_are_none_of_ours_are_counted(app: Flask, protocol: str) -> None:
    post = Post(
        plain("Hello?", sender="eve@example.com"), plain("Away", headers="Auto-Submitted: auto-replied\n", sender="x")
    )
    with mail_host(protocol, post) as port:
        provider = mailbox_provider(port, protocol)
        read_bounce_mailbox(provider.id)

    assert counts(provider) == [{"not_a_report": 1}, {"auto_reply": 1}]
    assert list(post.mails) == ([1] if protocol == "imap" else [])
    assert (mailbox_of(provider).mails, mailbox_of(provider).strangers) == (2, 1)


def test_a_bounce_without_a_token_is_matched_by_what_came_back(app: Flask) -> None:
    post = Post()
    with mail_host("imap", post) as port:
        provider = mailbox_provider(port)
        job = run_of(provider, MessageState.SENT)
        returned = f"To: ada@example.com\nMessage-ID: <{public_id('msg', job.first_message_id)}@example.com>\n"
        post.mails = {1: report(POSTFIX, to="desk@example.com", returned=returned)}
        read_bounce_mailbox(provider.id)

    assert states(job) == ["bounced"]


def test_a_bounce_that_names_its_recipient_alone_is_about_the_newest_message(app: Flask) -> None:
    post = Post()
    with mail_host("imap", post) as port:
        provider = mailbox_provider(port)
        older, newer = run_of(provider, MessageState.SENT), run_of(provider, MessageState.SENT)
        with transaction() as session:
            for job in (older, newer):
                session.get_one(Message, job.first_message_id).recipient = "ada@example.com"
        post.mails = {1: report(POSTFIX, to="desk@example.com")}
        read_bounce_mailbox(provider.id)

    assert (states(older), states(newer)) == (["sent"], ["bounced"])


def test_a_worker_that_died_before_clearing_up_doubles_nothing(app: Flask) -> None:
    post = Post(read_only=True)
    with mail_host("imap", post) as port:
        provider = mailbox_provider(port)
        job = run_of(provider, MessageState.SENT)
        post.mails = {1: report(POSTFIX, to=returned_to(job))}
        read_bounce_mailbox(provider.id)
        assert "write access" in mailbox_of(provider).problem

        post.read_only = False
        make_due(provider)
        read_bounce_mailbox(provider.id)

    assert sorted(map(str, counts(provider))) == ["{'applied': 1}", "{'duplicate': 1}"]
    assert (states(job), post.mails, mailbox_of(provider).problem) == (["bounced"], {}, "")


def test_one_worker_reads_at_a_time_and_once_a_minute(app: Flask) -> None:
    post = Post()
    with mail_host("imap", post) as port:
        provider = mailbox_provider(port)
        assert due_mailboxes(db.engine, utc_now()) == [provider.id]
        read_mailbox(db.engine, current_settings(), provider.id)
        read_mailbox(db.engine, current_settings(), provider.id)
        assert due_mailboxes(db.engine, utc_now()) == []
        assert due_mailboxes(db.engine, utc_now() + timedelta(seconds=61)) == [provider.id]

        make_due(provider)
        with write_connection(db.engine) as connection:
            connection.execute(update(BounceMailbox).values(lease_until=utc_now() + timedelta(minutes=1)))
        read_mailbox(db.engine, current_settings(), provider.id)
        assert due_mailboxes(db.engine, utc_now()) == []

    assert post.sessions == 1


def test_a_server_that_refuses_is_asked_less_and_less(app: Flask) -> None:
    with mail_host("imap", Post()) as port:
        provider = mailbox_provider(port, bounce_password="wrong")  # noqa: S106
        pauses = []
        for _ in range(6):
            read_mailbox(db.engine, current_settings(), provider.id)
            pauses.append(round((mailbox_of(provider).next_read_at - utc_now()).total_seconds() / 60))
            make_due(provider)

    assert pauses == [2, 4, 8, 15, 15, 15]
    assert mailbox_of(provider).problem.startswith("Sign in: The server said:")
    assert mailbox_of(provider).read_at is None


def test_providers_without_a_mailbox_are_never_due(app: Flask) -> None:
    new_provider("smtp", host="127.0.0.1")
    new_provider()
    assert due_mailboxes(db.engine, utc_now()) == []
