"""The history of events: what makes a version, what differs between two, and bringing one back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role, User
from dashboard.audit.models import AuditEntry
from dashboard.events import history, services
from dashboard.events.conditions import Conditions, Group, Row
from dashboard.events.definition import Definition, Delivery, Names, Rules
from dashboard.events.models import Event, EventVersion
from dashboard.events.schema import infer
from dashboard.events.standard.adopting import adopt
from dashboard.extensions import db, transaction
from dashboard.problems import Conflict, DomainError, NotFound
from tests.factories.events import PAYLOAD, new_event
from tests.factories.sending import new_template
from worker.rendering.sms import SmsContent

HTMX = {"HX-Request": "true"}
ONLY_INDIA = Conditions((Group((Row("country", "is", "IN"),)),))


def versions(event: Event) -> list[EventVersion]:
    db.session.rollback()
    rows = select(EventVersion).where(EventVersion.event_id == event.id).order_by(EventVersion.number)
    return list(db.session.scalars(rows))


def numbers(event: Event) -> list[int]:
    return [version.number for version in versions(event)]


def bare(slug: str = "paid") -> Event:
    return services.create_event(names=Names("Order paid", slug), variables=infer(PAYLOAD))


def words(event: Event, left: int, right: int) -> dict[str, Any]:
    """Label -> (removed, added) texts."""
    found = history.differences(*(history.version_number(event.id, number) for number in (left, right)))
    return {
        one.label: tuple(
            "".join(part.text for part in [*one.pieces, *one.rows] if part.op == op) for op in ("removed", "added")
        )
        for one in found
    }


def test_every_save_that_changes_something_is_a_version(app: Flask) -> None:
    event = bare()
    services.save_conditions(event_id=event.id, conditions=ONLY_INDIA, saved_by=7)
    services.save_conditions(event_id=event.id, conditions=ONLY_INDIA)
    services.save_rules(event_id=event.id, rules=Rules(cap_count=3))
    services.rename_event(event_id=event.id, names=Names("Order paid", "paid"))
    services.switch_event(event_id=event.id, enabled=True)
    services.switch_event(event_id=event.id, enabled=False)
    assert [(version.number, version.created_by) for version in versions(event)] == [(1, None), (2, 7), (3, None)]
    assert [line.changed for line in history.version_list(event.id)] == [("Rules",), ("Conditions",), ()]


def test_several_channels_switched_in_the_list_are_versions_too(app: Flask) -> None:
    event = new_event("email")
    before = len(versions(event))
    services.subscribe(changes={event.id: {"email": False}})
    services.subscribe(changes={event.id: {"email": False}})
    assert len(versions(event)) == before + 1
    assert set(words(event, before, before + 1)) == {"Email"}


def test_one_transaction_makes_one_version(app: Flask) -> None:
    (event,) = adopt(keys=["order_placed"], publish=False)
    assert numbers(event) == [1]
    with transaction():
        services.save_rules(event_id=event.id, rules=Rules(cap_count=3))
        services.rename_event(event_id=event.id, names=Names("Placed", event.slug))
    assert numbers(event) == [1, 2]
    with transaction():  # there and back
        services.save_rules(event_id=event.id, rules=Rules())
        services.save_rules(event_id=event.id, rules=Rules(cap_count=3))
    assert numbers(event) == [1, 2]
    with pytest.raises(DomainError):
        _renamed_twice(event)
    assert numbers(event) == [1, 2]
    services.rename_event(event_id=event.id, names=Names("Other", event.slug))
    assert numbers(event) == [1, 2, 3]


def _renamed_twice(event: Event) -> None:
    """The second name is refused, so the first one does not count."""
    with transaction():
        services.rename_event(event_id=event.id, names=Names("Other", event.slug))
        services.rename_event(event_id=event.id, names=Names("", event.slug))


def test_a_difference_is_said_in_words(app: Flask) -> None:
    event = bare()
    template = new_template(SmsContent("Order {{ order.number }}"))[0]
    with transaction():
        services.rename_event(event_id=event.id, names=Names("Order settled", "paid", group="Orders"))
        variables = [replace(one, pii=one.path == "country") for one in infer(PAYLOAD)]
        services.save_schema(event_id=event.id, variables=variables)
        services.save_conditions(event_id=event.id, conditions=ONLY_INDIA)
        services.save_rules(event_id=event.id, rules=Rules(cap_count=3, cap_seconds=3600))
        wanted = Delivery(True, template.id, delay_seconds=600)
        services.save_deliveries(event_id=event.id, deliveries={"sms": wanted})
    found = words(event, 1, 2)
    assert list(found) == ["Name", "Group", "Variables", "Conditions", "SMS", "Rules"]
    assert found["Name"] == ("paid", "settled")
    assert found["Variables"] == ("country: text, required, sample IN", "country: text, required, personal, sample IN")
    assert found["Conditions"] == ("every time", "only if country is IN")
    assert all(part in found["SMS"][1] for part in ("Subscribed", template.name, "10 min later"))
    assert found["Rules"][1] == "A customer gets it at most 3 times within 1 h."


def test_an_old_version_comes_back_as_a_new_one(app: Flask) -> None:
    event = new_event("email", rows=(("country", "is", "IN"),), cap_count=3)
    wanted, last = Definition.of(event), len(versions(event))
    services.save_conditions(event_id=event.id, conditions=Conditions())
    services.save_rules(event_id=event.id, rules=Rules())
    services.subscribe(changes={event.id: {"email": False}})
    services.restore_version(event_id=event.id, number=last, restored_by=7)
    db.session.rollback()
    event = db.session.get_one(Event, event.id)
    assert (Definition.of(event), event.enabled) == (wanted, True)
    newest = versions(event)[-1]
    assert (newest.number, newest.restored_from, newest.created_by) == (last + 4, last, 7)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "event.restore")).one()
    assert entry.summary == f"Order shipped: version {last}"
    with pytest.raises(DomainError, match="is the same as now"):
        services.restore_version(event_id=event.id, number=last)
    assert len(versions(event)) == last + 4


def test_what_cannot_be_so_any_more_is_refused_and_changes_nothing(app: Flask) -> None:
    event = bare("old-slug")
    services.rename_event(event_id=event.id, names=Names("Order paid", "new-slug"))
    bare("old-slug")
    with pytest.raises(DomainError) as taken:
        services.restore_version(event_id=event.id, number=1)
    assert taken.value.code == "taken"
    with pytest.raises(NotFound):
        services.restore_version(event_id=event.id, number=99)
    with pytest.raises(Conflict):
        services.restore_version(event_id=event.id, number=1, version=1)
    assert numbers(event) == [1, 2]


def test_one_that_is_on_is_never_left_with_a_gap(app: Flask) -> None:
    event = new_event("email", on=False)
    with_email = len(versions(event))
    services.save_deliveries(event_id=event.id, deliveries={"email": Delivery()})
    services.save_schema(event_id=event.id, variables=infer({"country": "IN"}))
    services.switch_event(event_id=event.id, enabled=True)
    services.restore_version(event_id=event.id, number=with_email)  # its variables come back with its channel
    services.switch_event(event_id=event.id, enabled=False)
    services.save_schema(event_id=event.id, variables=[])
    gap = len(versions(event))
    services.save_schema(event_id=event.id, variables=infer(PAYLOAD))
    services.switch_event(event_id=event.id, enabled=True)
    with pytest.raises(DomainError) as refused:
        services.restore_version(event_id=event.id, number=gap)
    assert refused.value.code == "unresolved"
    assert len(versions(event)) == gap + 1


def test_a_history_goes_with_its_event(app: Flask) -> None:
    event = bare()
    services.delete_event(event_id=event.id, typed=event.slug)
    assert versions(event) == []


# -- pages


def test_the_history_shows_what_changed_and_who_saved_it(client: FlaskClient) -> None:
    event = bare()
    me = db.session.scalars(select(User.id)).one()
    services.save_conditions(event_id=event.id, conditions=ONLY_INDIA, saved_by=me)
    page = client.get(f"/events/{event.public_id}/history").text
    assert "Conditions</td>" in page.replace("\n", "")
    assert f"/events/{event.public_id}/history/1..2" in page
    assert f"/events/{event.public_id}/history/1/restore" in page
    assert f"/events/{event.public_id}/history/2/restore" not in page
    compared = client.get(f"/events/{event.public_id}/history/1..2").text
    assert "only if country is IN</ins>" in compared
    assert "Restore version 1…" in compared
    assert client.get(f"/events/{event.public_id}/history/1..9").status_code == 404


def test_restoring_asks_says_what_changes_and_leads_back(client: FlaskClient) -> None:
    event = bare()
    services.save_conditions(event_id=event.id, conditions=ONLY_INDIA)
    where = f"/events/{event.public_id}/history/1/restore"
    dialog = client.get(where, headers=HTMX).text
    assert "It stays off. This changes:" in dialog
    assert "every time</ins>" in dialog
    db.session.rollback()
    version = db.session.get_one(Event, event.id).version
    stale = client.post(where, data={"version": version - 1}, headers=HTMX)
    assert (stale.status_code, "Somebody else saved this" in stale.text) == (409, True)
    done = client.post(where, data={"version": version})
    assert (done.status_code, done.location) == (303, f"/events/{event.public_id}/history")
    page = client.get(done.location).text
    assert "The event is again what it was in version 1." in page
    assert "as in version 1" in page
    same = client.post(where)
    assert (same.status_code, "Version 1 is the same as now." in same.text) == (422, True)
    assert "Nothing would change" in client.get(where).text


def test_who_may_restore(client: FlaskClient, sign_in: Callable[..., FlaskClient]) -> None:
    event = bare()
    services.save_conditions(event_id=event.id, conditions=ONLY_INDIA)
    services.switch_event(event_id=event.id, enabled=True)
    where = f"/events/{event.public_id}/history"
    viewer = sign_in(Role.VIEWER)
    assert "/history/1/restore" not in viewer.get(where).text
    assert viewer.post(f"{where}/1/restore").status_code == 403
    editor = sign_in(Role.EDITOR)
    assert "/history/1/restore" not in editor.get(where).text
    assert editor.post(f"{where}/1/restore").status_code == 403
    assert numbers(event) == [1, 2]
