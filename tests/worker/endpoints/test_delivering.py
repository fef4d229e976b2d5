"""Deliveries over real HTTP: signed, tried again, given up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from dashboard.current import current_settings
from dashboard.endpoints.announcing import announce
from dashboard.endpoints.models import WebhookDelivery, WebhookEndpoint
from dashboard.endpoints.services import redeliver, redeliver_failed, rotate_secret, set_enabled
from dashboard.extensions import db, transaction, utc_now
from tests.factories.endpoints import Listener, Reply, fresh, listener, new_endpoint
from worker.endpoints.backoff import GIVE_UP, PAUSES
from worker.endpoints.delivering import deliver_due


def say(kind: str = "event.received", **data: Any) -> None:
    with transaction():
        announce(kind, data or {"event": "order-placed"})


def deliver() -> int:
    db.session.rollback()
    return deliver_due(db.engine, current_settings())


def deliveries() -> list[WebhookDelivery]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))


def make_due() -> None:
    with transaction() as session:
        session.execute(update(WebhookDelivery).values(next_try_at=utc_now()))


def signed_by(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does, without our code."""
    key = base64.b64decode(secret.split("_", 1)[1])
    text = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


def test_a_delivery_is_signed_and_arrives_once(app: Flask) -> None:
    with listener() as server:
        _, secret = new_endpoint(server.url)
        say(event="order-placed", name="Zoë")
        assert deliver() == 1
        assert deliver() == 0

    (headers, body), (row,) = server.got[0], deliveries()
    assert signed_by(secret, headers, body)
    assert not signed_by(secret, headers, body + b" ")
    assert headers["webhook-id"] == row.event_id
    assert headers["content-type"] == "application/json"
    assert server.bodies()[0]["type"] == "event.received"
    assert server.bodies()[0]["data"] == {"event": "order-placed", "name": "Zoë"}
    assert (row.state, row.attempts, row.last_status, row.last_answer) == ("delivered", 1, 200, "thank you")


def test_both_secrets_sign_after_a_rotation_and_the_old_one_ends(app: Flask) -> None:
    with listener() as server:
        endpoint, old = new_endpoint(server.url)
        _, new = rotate_secret(endpoint_id=endpoint.id)
        say()
        deliver()
        with transaction() as session:
            session.execute(update(WebhookEndpoint).values(old_secret_until=utc_now()))
        say()
        deliver()

    assert [signed_by(old, *one) for one in server.got] == [True, False]
    assert [signed_by(new, *one) for one in server.got] == [True, True]


def test_what_failed_is_tried_again_with_the_same_id(app: Flask) -> None:
    with listener(Reply(500, body=b"oh no"), Reply(200)) as server:
        endpoint, _ = new_endpoint(server.url)
        say()
        assert deliver() == 1
        (row,) = deliveries()
        assert (row.state, row.attempts, row.last_status, row.last_answer) == ("pending", 1, 500, "oh no")
        assert row.next_try_at > row.last_try_at + PAUSES[0] - timedelta(seconds=1)
        assert fresh(endpoint).state == "failing"
        make_due()
        assert deliver() == 1

    assert deliveries()[0].state == "delivered"
    assert fresh(endpoint).state == "enabled"
    first, second = server.got
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert first[1] == second[1]


def test_the_pause_that_the_endpoint_asks_for_is_kept(app: Flask) -> None:
    with listener(Reply(429, {"Retry-After": "3600"})) as server:
        new_endpoint(server.url)
        say()
        deliver()

    (row,) = deliveries()
    assert row.next_try_at == row.last_try_at + timedelta(hours=1)


def test_it_fails_for_good_after_the_last_pause_and_can_be_delivered_again(app: Flask) -> None:
    with listener(Reply(503)) as server:
        endpoint, _ = new_endpoint(server.url)
        say()
        for _ in range(len(PAUSES) + 1):
            make_due()
            deliver()
        (row,) = deliveries()
        assert (row.state, row.attempts, row.next_try_at) == ("failed", len(PAUSES) + 1, None)
        server.replies = [Reply(200)]
        assert redeliver_failed(endpoint_id=endpoint.id) == 1
        deliver()

    assert deliveries()[0].state == "delivered"
    assert len({headers["webhook-id"] for headers, _ in server.got}) == 1


def test_a_delivery_that_arrived_can_be_repeated(app: Flask) -> None:
    with listener() as server:
        new_endpoint(server.url)
        say()
        deliver()
        redeliver(delivery_id=deliveries()[0].id)
        deliver()

    assert len(server.got) == 2
    assert deliveries()[0].attempts == 2


def test_gone_disables_the_endpoint(app: Flask) -> None:
    with listener(Reply(410)) as server:
        endpoint, _ = new_endpoint(server.url)
        say()
        deliver()

    assert fresh(endpoint).state == "stopped"
    assert "410" in fresh(endpoint).disabled_reason
    assert deliveries()[0].state == "failed"
    say()
    assert len(deliveries()) == 1


def test_days_of_failure_disable_it_and_what_waits_goes_on_when_enabled(app: Flask) -> None:
    with listener(Reply(500), Reply(200)) as server:
        endpoint, _ = new_endpoint(server.url)
        say()
        with transaction() as session:
            session.execute(update(WebhookEndpoint).values(failing_since=utc_now() - GIVE_UP))
        deliver()
        assert fresh(endpoint).state == "stopped"
        assert "5 days" in fresh(endpoint).disabled_reason
        make_due()
        assert deliver() == 0
        set_enabled(endpoint_id=endpoint.id, enabled=True)
        assert deliver() == 1

    assert fresh(endpoint).state == "enabled"
    assert deliveries()[0].state == "delivered"


def test_redirects_are_not_followed(app: Flask) -> None:
    with listener() as other, listener(Reply(302, {"Location": other.url})) as server:
        new_endpoint(server.url)
        say()
        deliver()

    assert other.got == []
    assert deliveries()[0].state == "pending"
    assert "redirects" in deliveries()[0].last_error


def test_a_long_answer_is_cut(app: Flask) -> None:
    with listener(Reply(400, body=b"x" * 3_000_000)) as server:
        new_endpoint(server.url)
        say()
        deliver()

    assert deliveries()[0].last_answer == "x" * 2000


def test_nobody_listening_is_a_failure_with_words(app: Flask) -> None:
    new_endpoint("http://127.0.0.1:9/hooks")
    say()
    deliver()

    row = deliveries()[0]
    assert (row.state, row.last_status) == ("pending", None)
    assert "connection failed" in row.last_error


def test_private_addresses_are_refused_where_they_are_not_allowed(app: Flask) -> None:
    with listener() as server:
        new_endpoint(server.url)
        say()
        db.session.rollback()
        deliver_due(db.engine, current_settings().model_copy(update={"allow_private_urls": False}))

    assert server.got == []
    assert "private network" in deliveries()[0].last_error


def test_a_slow_endpoint_does_not_keep_another_one_waiting(app: Flask) -> None:
    """The slow one does not answer before the fast one has got all of its thirty."""
    with listener() as fast:
        fast.enough = 30
        with listener(Reply(after=fast.full)) as slow:
            new_endpoint(slow.url, ["event.received"], "Slow")
            new_endpoint(fast.url, ["event.received"], "Fast")
            with transaction():
                for number in range(30):
                    announce("event.received", {"number": number})
            while deliver():
                pass

    assert sorted(numbers(fast)) == sorted(numbers(slow)) == list(range(30))
    assert {(row.state, row.attempts) for row in deliveries()} == {("delivered", 1)}


def test_a_lease_of_a_dead_worker_ends(app: Flask) -> None:
    with listener() as server:
        new_endpoint(server.url)
        say()
        with transaction() as session:
            session.execute(update(WebhookDelivery).values(lease_until=utc_now() + timedelta(seconds=60)))
        assert deliver() == 0
        with transaction() as session:
            session.execute(update(WebhookDelivery).values(lease_until=utc_now()))
        assert deliver() == 1

    assert len(server.got) == 1


def test_two_workers_never_deliver_the_same(app: Flask) -> None:
    """Two processes claim at once; each has its own lock, so it is taken off here."""
    from worker.endpoints import delivering

    def work(own: threading.Lock) -> None:
        with app.app_context():
            delivering._run_with(db.engine, current_settings(), 5.0, own)

    with listener() as server:
        new_endpoint(server.url)
        with transaction():
            for number in range(40):
                announce("event.received", {"number": number})
        db.session.rollback()
        threads = [threading.Thread(target=work, args=(threading.Lock(),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(numbers(server)) == list(range(40))


def numbers(server: Listener) -> list[int]:
    return [body["data"]["number"] for body in server.bodies()]
