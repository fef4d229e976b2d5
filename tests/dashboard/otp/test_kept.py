"""Configurations and templates of codes are looked at for each request: no change of another process is missed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, select, text

from dashboard.api_keys.services import Caller
from dashboard.extensions import db
from dashboard.otp import queries
from dashboard.otp.asking import Ask, Draft
from dashboard.otp.sending import Manner, send_codes
from dashboard.problems import DomainError
from dashboard.providers.models import SandboxMail
from tests.factories.otp import new_configuration

NUMBER = "+919820012345"
DESK = Caller(0, "desk", frozenset(), frozenset(), 0, None)


def elsewhere(statement: str, **values: object) -> None:
    """Change something as another process would: on a connection of its own, behind all that is kept here."""
    db.session.rollback()
    engine = create_engine(db.engine.url)
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def send(**values: Any) -> Draft:
    drafts = send_codes(Ask(DESK, phone=NUMBER, **values), queries.named_configuration(None), Manner())
    assert drafts is not None
    return drafts[0]


def sent_text(draft: Draft) -> str:
    """What the sandbox took, in place of a person's telephone."""
    db.session.rollback()
    newest = select(SandboxMail.raw).where(SandboxMail.recipient == draft.destination).order_by(SandboxMail.id.desc())
    return str(json.loads(db.session.scalars(newest.limit(1)).one())["text"])


def test_the_same_is_not_made_twice(app: Flask) -> None:
    new_configuration()
    assert queries.named_configuration(None) is queries.named_configuration(None)


def test_a_configuration_is_found_by_name_and_id(app: Flask) -> None:
    row = new_configuration(name="Pay")
    assert {queries.named_configuration(name).id for name in (None, "Pay", row.public_id)} == {row.id}
    with pytest.raises(DomainError, match="no configuration Sign"):
        queries.named_configuration("Sign")


def test_a_change_of_another_process_counts_at_once(app: Flask) -> None:
    row = new_configuration()
    assert len(send().secret) == 6
    elsewhere("UPDATE otp_configurations SET length = 8 WHERE id = :id", id=row.id)
    assert len(send().secret) == 8


def test_an_archived_template_carries_no_code_any_more(app: Flask) -> None:
    row = new_configuration()
    assert send().state == "sent"
    elsewhere("UPDATE templates SET archived_at = '2026-11-26 12:00:00.000000' WHERE id = :id", id=row.sms_template_id)
    with pytest.raises(DomainError, match="archived"):
        send()


def test_a_template_published_elsewhere_is_the_one_that_is_sent(app: Flask) -> None:
    row = new_configuration()
    assert "(new)" not in sent_text(send())
    elsewhere(
        "INSERT INTO template_versions (id, template_id, kind, number, content, attachment_ids, note, created_at)"
        " SELECT id + 1, template_id, kind, 2, :content, attachment_ids, note, created_at FROM template_versions"
        " WHERE template_id = :id",
        id=row.sms_template_id,
        content='{"text": "Code: {{ code }} (new)"}',
    )
    published = "UPDATE templates SET published_version_id = published_version_id + 1 WHERE id = :id"
    elsewhere(published, id=row.sms_template_id)
    assert "(new)" in sent_text(send())


def test_a_disabled_provider_gets_no_code(app: Flask) -> None:
    new_configuration()
    assert send().state == "sent"
    elsewhere("UPDATE providers SET enabled = :off", off=False)
    with pytest.raises(DomainError, match="disabled"):
        send()
