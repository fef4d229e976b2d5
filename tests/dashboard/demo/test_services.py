"""The demonstration, made by the real services and sent through the real engine."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.audiences.models import Audience
from dashboard.campaigns.models import Campaign
from dashboard.demo import services
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.messages.models import Message
from dashboard.providers.models import Provider, SandboxMail
from worker.engine.deliver import work

ROWS = 120


@pytest.fixture
def few_people(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = list(services.people())
    assert len(everybody) == services.COUNT == 5000
    monkeypatch.setattr(services, "people", lambda: iter(everybody[:ROWS]))


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.usefixtures("few_people")
def test_a_new_installation_gets_a_campaign_that_arrives(app: Flask) -> None:
    assert services.fill_in_demonstration()
    with transaction():
        db.session.scalars(select(Provider).where(Provider.channel == "email")).one().rate_per_second = 0
    work(db.session.scalars(select(Job.id)).one())
    db.session.rollback()
    states = set(db.session.scalars(select(Message.state)))
    assert states == {"sent"}
    assert count(Message) == count(SandboxMail) == ROWS
    assert not services.fill_in_demonstration()
    assert count(Job) == 1


@pytest.mark.usefixtures("few_people")
def test_a_start_killed_in_the_middle_is_finished_by_the_next(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(**_values: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(services, "load_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            services.fill_in_demonstration()
    assert services.fill_in_demonstration()
    assert (count(Job), count(Campaign), count(Audience), count(Provider)) == (1, 1, 1, 3)


def test_a_desk_in_use_is_left_alone(app: Flask) -> None:
    with transaction():
        db.session.add(Campaign(name="Somebody's own"))
    assert not services.fill_in_demonstration()
    assert count(Provider) == 0
