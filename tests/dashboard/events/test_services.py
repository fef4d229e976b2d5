"""Making and changing events: names, coverage, switches, deleting."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.events import queries, services
from dashboard.events.coverage import Coverage, coverage_of, provided, unresolved
from dashboard.events.models import EventReceipt, ValueType
from dashboard.events.receiving import receive
from dashboard.events.schema import EventVariable, infer
from dashboard.events.services import Delivery, Names, Rules
from dashboard.extensions import db
from dashboard.message_templates.models import Category
from dashboard.problems import Conflict, DomainError, NotFound
from dashboard.variables.services import create_variable
from tests.factories.events import PAYLOAD, incoming, new_event
from tests.factories.sending import new_template
from worker.rendering.sms import SmsContent


def test_slugs_are_names_that_applications_can_send_to(app: Flask) -> None:
    services.create_event(names=Names("A", "order_shipped"))
    for slug, code in (("order_shipped", "taken"), ("Order", "invalid_slug"), ("", "invalid_slug")):
        with pytest.raises(DomainError) as refused:
            services.create_event(names=Names("B", slug))
        assert (refused.value.field, refused.value.code) == ("slug", code)


def test_an_older_page_does_not_overwrite(app: Flask) -> None:
    event = new_event()
    with pytest.raises(Conflict):
        services.save_schema(event_id=event.id, variables=[], version=event.version - 1)


def _sms(text: str, on: bool = False, **more: str) -> tuple[int, int]:
    """An event with an SMS of that text; ids of event and template."""
    template = new_template(SmsContent(text), Category.TRANSACTIONAL)[0]
    event = new_event()
    services.switch_event(event_id=event.id, enabled=False)
    wanted = {"sms": Delivery(subscribed=True, template_id=template.id)}
    services.save_deliveries(event_id=event.id, deliveries=wanted)
    return event.id, template.id


def test_coverage_names_every_source(app: Flask) -> None:
    create_variable(name="shop", value="The Shop")
    event_id, _ = _sms(
        "{{ order.number }} {{ shop }} {{ gone }} {{ note|default('') }} {{ phone }} {{ message_id }} {{ order.x }}"
    )
    (channel,) = coverage_of(queries.event(event_id))
    rows = {row.path: (row.source, row.verdict) for row in channel.rows}
    assert rows == {
        "order.number": ("event", Coverage.PASSED),
        "shop": ("global", Coverage.PASSED),
        "gone": ("", Coverage.BLOCKING),
        "note": ("default", Coverage.WARNING),
        "phone": ("recipient", Coverage.PASSED),
        "message_id": ("system", Coverage.PASSED),
        "order.x": ("", Coverage.BLOCKING),
    }


def test_what_is_unresolved_keeps_an_event_off(app: Flask) -> None:
    event_id, _ = _sms("{{ gone }}")
    with pytest.raises(DomainError, match="gone: nothing provides it") as refused:
        services.switch_event(event_id=event_id, enabled=True)
    assert refused.value.code == "unresolved"
    services.save_schema(event_id=event_id, variables=[*infer(PAYLOAD), EventVariable("gone", required=True)])
    assert services.switch_event(event_id=event_id, enabled=True).enabled
    with pytest.raises(DomainError, match="cannot be on like this"):
        services.save_schema(event_id=event_id, variables=infer(PAYLOAD))
    assert unresolved(queries.event(event_id)) == []


def test_optional_variables_need_a_default(app: Flask) -> None:
    event_id, _ = _sms("{{ order.items }}{{ note }}")
    services.save_schema(event_id=event_id, variables=[*infer(PAYLOAD), EventVariable("note")])
    assert unresolved(queries.event(event_id)) == ["sms: note: optional in the event, and the template has no default"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", (True, "a.b")),
        ("a", (True, "a")),
        ("a.c", (False, "a.c")),
        ("o.any.thing", (True, "o")),
        ("z", (False, "z")),
    ],
)
def test_what_a_schema_provides(path: str, found: tuple[bool | None, str]) -> None:
    schema = [EventVariable("a.b", required=True), EventVariable("o", ValueType.OBJECT, required=True)]
    assert provided(path, schema) == found


def test_channels_do_not_wait_for_each_other(app: Flask) -> None:
    event = new_event("push", "sms")
    kept = {row.channel: row.template_id for row in event.deliveries}
    wanted = {
        channel: Delivery(True, kept[channel], fallback_of=other)
        for channel, other in (("push", "sms"), ("sms", "push"))
    }
    with pytest.raises(DomainError, match="wait for each other"):
        services.save_deliveries(event_id=event.id, deliveries=wanted)


def test_a_template_of_another_channel_is_refused(app: Flask) -> None:
    event = new_event("email", "sms")
    email = next(row.template_id for row in event.deliveries if row.channel == "email")
    with pytest.raises(DomainError) as refused:
        services.save_deliveries(event_id=event.id, deliveries={"sms": Delivery(True, email)})
    assert refused.value.field == "sms"


def test_several_are_subscribed_together_or_none(app: Flask) -> None:
    one, other = new_event("email"), new_event("sms")
    assert services.subscribe(changes={one.id: {"email": False}, other.id: {"sms": False, "push": False}}) == 2
    with pytest.raises(DomainError, match="no template for push"):
        services.subscribe(changes={one.id: {"email": True}, other.id: {"push": True}})
    assert not any(row.subscribed for row in queries.event(one.id).deliveries)


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (Rules(idempotency_path="none"), "idempotency_path"),
        (Rules(dedup_seconds=-1), "dedup_seconds"),
        (Rules(cap_count=1, cap_seconds=0), "cap_seconds"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(app: Flask, rules: Rules, field: str) -> None:
    with pytest.raises(DomainError) as refused:
        services.save_rules(event_id=new_event().id, rules=rules)
    assert refused.value.field == field


def test_deleting_takes_the_slug_and_an_event_that_is_off(app: Flask) -> None:
    event = new_event("email")
    receive(event.slug, incoming())
    with pytest.raises(DomainError, match="Switch it off first"):
        services.delete_event(event_id=event.id, typed=event.slug)
    services.switch_event(event_id=event.id, enabled=False)
    with pytest.raises(DomainError) as refused:
        services.delete_event(event_id=event.id, typed="yes")
    assert refused.value.field == "typed"
    services.delete_event(event_id=event.id, typed=event.slug)
    assert db.session.scalar(select(func.count()).select_from(EventReceipt)) == 0
    with pytest.raises(NotFound):
        queries.event(event.id)


def test_the_catalogue_counts_a_week(app: Flask) -> None:
    event = new_event("email")
    receive(event.slug, incoming())
    (line,) = queries.catalogue(queries.CatalogueFilter("shipped", "Orders"))
    assert (line.event.id, line.week, line.last_at is not None) == (event.id, 1, True)
    assert queries.catalogue(queries.CatalogueFilter("nothing")) == []
    assert queries.groups() == ["Orders"]


def test_channels_keep_their_order_whatever_their_ids(app: Flask) -> None:
    for number in range(8):
        event_id = services.create_event(names=Names("A", f"order-{number}")).id
        db.session.rollback()
        db.session.expunge_all()
        assert [one.channel for one in queries.event(event_id).deliveries] == ["email", "sms", "push"]
