"""Making, changing and announcing; the audit log knows of it and nobody sees a secret."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.audit.models import AuditEntry
from dashboard.current import current_settings
from dashboard.endpoints import services
from dashboard.endpoints.announcing import announce
from dashboard.endpoints.models import WebhookDelivery, WebhookEndpoint
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Chunk
from dashboard.jobs.services import settle_job
from dashboard.problems import Conflict, DomainError, NotFound
from tests.brokers import waiting
from tests.factories.campaigns import new_campaign, new_desk
from tests.factories.endpoints import fresh, new_endpoint
from tests.factories.sending import new_job, people


def test_the_secret_is_shown_once_and_kept_encrypted(app: Flask) -> None:
    endpoint, secret = new_endpoint()
    assert secret.startswith("whsec_")
    stored = db.session.execute(select(WebhookEndpoint.__table__)).mappings().one()
    assert all(secret not in str(value) for value in stored.values())
    assert secret not in str(db.session.execute(select(AuditEntry.__table__)).mappings().all())
    assert endpoint.public_id.startswith("whe_")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["message.eaten"]}, "kinds"),
        ({"url": ""}, "url"),
        ({"url": "ftp://shop.example/hooks"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://shop.example:99999/"}, "url"),
        ({"url": "https://[::1/"}, "url"),
        ({"url": "https://ada:secret@shop.example/"}, "url"),
        ({"url": "https://shop.example/a b"}, "url"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(app: Flask, values: dict[str, object], field: str) -> None:
    good = {"name": "Shop", "url": "https://shop.example/hooks", "kinds": ["message.sent"]}
    with pytest.raises(DomainError) as caught:
        services.create_endpoint(**(good | values))  # type: ignore[arg-type]
    assert caught.value.field == field


def test_plain_http_is_for_private_installations(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    new_endpoint("http://127.0.0.1:9/hooks")
    closed = current_settings().model_copy(update={"allow_private_urls": False})
    monkeypatch.setitem(app.extensions, "carillon_settings", closed)
    with pytest.raises(DomainError):
        new_endpoint("http://shop.example/hooks")
    new_endpoint("https://shop.example/hooks")


def test_two_people_cannot_overwrite_each_other(app: Flask) -> None:
    endpoint, _ = new_endpoint()
    values = {"name": "Shop", "url": "https://shop.example/", "kinds": ["message.sent"], "version": 1}
    services.update_endpoint(endpoint_id=endpoint.id, **values)
    with pytest.raises(Conflict):
        services.update_endpoint(endpoint_id=endpoint.id, **values)
    assert fresh(endpoint).kinds == ["message.sent"]


def test_an_announcement_is_written_for_those_who_subscribe(app: Flask) -> None:
    first, _ = new_endpoint(kinds=["event.received"])
    second, _ = new_endpoint(kinds=["event.received", "campaign.finished"])
    new_endpoint(kinds=["message.sent"])
    off, _ = new_endpoint(kinds=["event.received"])
    services.set_enabled(endpoint_id=off.id, enabled=False)
    with transaction():
        assert announce("event.received", {"event": "order-placed"}) == 2
    rows = db.session.scalars(select(WebhookDelivery)).all()
    assert {row.endpoint_id for row in rows} == {first.id, second.id}
    assert len({row.event_id for row in rows}) == 1
    assert ("deliver_webhooks", ()) in waiting("periodic")


def test_an_announcement_goes_with_its_transaction(app: Flask) -> None:
    new_endpoint()

    def fail() -> None:
        with transaction():
            announce("event.received", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert db.session.scalars(select(WebhookDelivery)).all() == []


def test_where_nobody_listens_the_data_are_not_made(app: Flask) -> None:
    with transaction():
        assert announce("event.received", lambda: {"never": 1 / 0}) == 0


def test_the_end_of_a_campaigns_run_is_announced(app: Flask) -> None:
    new_endpoint()
    campaign = new_campaign(new_desk())
    job = new_job(people(3), campaign_id=campaign.id)
    with transaction() as session:
        chunk = session.get_one(Chunk, (job.id, 0))
        chunk.state, chunk.sent, chunk.failed = "done", 2, 1
    settle_job(job_id=job.id)
    settle_job(job_id=job.id)
    row = db.session.scalars(select(WebhookDelivery)).one()
    data = json.loads(row.payload)["data"]
    assert (row.kind, data["state"], data["records"]) == ("campaign.finished", "finished", 3)
    assert (data["campaign"], data["job"]) == (campaign.public_id, job.public_id)
    assert (data["counts"]["sent"], data["counts"]["failed"]) == (2, 1)


def test_a_disabled_endpoint_gets_nothing_by_hand_either(app: Flask) -> None:
    endpoint, _ = new_endpoint()
    delivery = services.send_test(endpoint_id=endpoint.id)
    services.set_enabled(endpoint_id=endpoint.id, enabled=False)
    for act in (
        lambda: services.send_test(endpoint_id=endpoint.id),
        lambda: services.redeliver(delivery_id=delivery.id),
        lambda: services.redeliver_failed(endpoint_id=endpoint.id),
    ):
        with pytest.raises(DomainError):
            act()


def test_deleting_takes_the_deliveries_along(app: Flask) -> None:
    endpoint, _ = new_endpoint()
    identifier, delivery_id = endpoint.id, services.send_test(endpoint_id=endpoint.id).id
    services.delete_endpoint(endpoint_id=identifier)
    assert db.session.scalars(select(WebhookDelivery)).all() == []
    for act in (
        lambda: services.send_test(endpoint_id=identifier),
        lambda: services.redeliver(delivery_id=delivery_id),
        lambda: services.rotate_secret(endpoint_id=identifier),
    ):
        with pytest.raises(NotFound):
            act()
