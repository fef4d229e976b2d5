"""The parts of an event: variables read from a payload, conditions as a sentence, channels, rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask.testing import FlaskClient

from dashboard.accounts.models import Role
from dashboard.events import services
from dashboard.events.models import Event
from dashboard.extensions import db
from dashboard.ids import public_id
from dashboard.message_templates.models import Category
from tests.factories.events import new_event
from tests.factories.sending import new_template
from worker.rendering.sms import SmsContent

HTMX = {"HX-Request": "true"}


def fresh(event: Event) -> Event:
    db.session.rollback()
    return db.session.get_one(Event, event.id)


def sent_by(page: str, form_id: str) -> dict[str, Any]:
    """What a browser would send of a form as it stands there, without any button."""
    form = BeautifulSoup(page, "html.parser").find(id=form_id)
    assert isinstance(form, Tag)
    found: dict[str, Any] = {}
    for field in form.find_all(["input", "select", "textarea"]):
        name = str(field.get("name") or "")
        if not name or (field.get("type") == "checkbox" and not field.has_attr("checked")):
            continue
        if field.name == "select":
            option = field.find("option", selected=True) or field.find("option")
            found[name] = option["value"] if isinstance(option, Tag) else ""
        elif field.name == "textarea":
            found[name] = field.text
        elif field.get("type") == "checkbox" and name in found:
            found[name] = [*([found[name]] if isinstance(found[name], str) else found[name]), field.get("value", "on")]
        else:
            found[name] = field.get("value", "on" if field.get("type") == "checkbox" else "")
    return found


def version_in(page: str) -> str:
    found = re.search(r'name="version"[^>]*value="(\d+)"', page)
    assert found
    return found[1]


# -- variables


def test_variables_are_saved_as_they_stand(client: FlaskClient) -> None:
    event = new_event(on=False)
    before = fresh(event).variables
    address = f"/events/{event.public_id}/variables"
    form = sent_by(client.get(address).text, "variables-form")
    done = client.post(address, data=form)
    assert done.status_code == 303, done.text
    assert fresh(event).variables == before
    changed = {**form, "version": version_in(client.get(address).text), "pii-0": "on", "sample-1": "700", "path-4": ""}
    del changed["required-0"]
    client.post(address, data=changed)
    first, second, *_ = fresh(event).variables
    assert (first["pii"], first["required"], second["sample"]) == (True, False, 700)
    assert len(fresh(event).variables) == len(before) - 1


def test_rows_are_added_removed_and_read_from_a_payload_without_saving(client: FlaskClient) -> None:
    event = new_event(on=False)
    address = f"/events/{event.public_id}/variables"
    form = sent_by(client.get(address).text, "variables-form")
    count = sum(name.startswith("path-") for name in form)
    for do, expected in (("add", count + 1), ("remove-0", count - 1), ("infer", count + 2)):
        pasted = '{"order": {"number": "A-2", "note": "gift"}, "customer": {"email": "ada@example.com"}}'
        answer = client.post(address, data={**form, "do": do, "pasted": pasted}, headers=HTMX)
        assert answer.status_code == 200
        assert "<html" not in answer.text
        rows = sent_by(answer.text, "variables-form")
        assert sum(name.startswith("path-") for name in rows) == expected, do
    assert "order.note" in rows.values()
    assert rows[f"pii-{count + 1}"] == "on"
    assert "autofocus" in client.post(address, data={**form, "do": "add"}).text
    assert len(fresh(event).variables) == count


def test_what_is_no_variable_is_refused_and_kept_in_the_form(client: FlaskClient) -> None:
    event = new_event("sms", rows=(("country", "is", "IN"),), on=False)
    address = f"/events/{event.public_id}/variables"
    form = sent_by(client.get(address).text, "variables-form")
    place = next(name.removeprefix("path-") for name, value in form.items() if value == "country")
    for values, words in (
        ({"path-0": "no path!"}, "is no path"),
        ({f"type-{place}": "colour"}, "There is no type colour"),
        ({"sample-1": "many"}, "is no sample of the type number"),
        ({f"path-{place}": "land"}, "There is no variable country"),
        ({"do": "infer", "pasted": "[1"}, "This is no JSON object"),
    ):
        answer = client.post(address, data={**form, **values})
        assert answer.status_code == 422, values
        assert words in answer.text
        assert str(next(iter(values.values()))) in answer.text
    stale = client.post(address, data={**form, "version": "1"})
    assert stale.status_code == 409
    assert version_in(stale.text) == str(fresh(event).version)


def test_a_variable_that_is_missing_comes_prefilled(client: FlaskClient) -> None:
    event = new_event(on=False)
    page = client.get(f"/events/{event.public_id}/variables?add=customer.name").text
    assert 'value="customer.name"' in page
    assert client.get(f"/events/{event.public_id}/variables?add=country").text.count('value="country"') == 1


# -- conditions


def test_conditions_are_shown_and_saved_as_they_stand(client: FlaskClient) -> None:
    event = new_event(rows=(("country", "is", "IN"), ("order.total", "at_least", "500")), on=False)
    before = fresh(event).conditions
    address = f"/events/{event.public_id}/conditions"
    page = client.get(address).text
    assert "Send only if country is IN and order.total is at least 500." in page
    done = client.post(address, data=sent_by(page, "conditions-form"))
    assert done.status_code == 303, done.text
    assert fresh(event).conditions == before


def test_groups_rows_and_the_sentence_follow_while_editing(client: FlaskClient) -> None:
    event = new_event(on=False)
    address = f"/events/{event.public_id}/conditions"
    form = sent_by(client.get(address).text, "conditions-form")
    assert form["path-0-0"] == ""

    def after(do: str, **values: str) -> dict[str, Any]:
        nonlocal form, page
        answer = client.post(address, data={**form, **values, "do": do}, headers=HTMX)
        assert answer.status_code == 200, answer.text
        page = answer.text
        return sent_by(page, "conditions-form")

    page = ""
    form = after("refresh", **{"path-0-0": "order.total", "operator-0-0": "contains"})
    assert form["operator-0-0"] == "is"  # the first that suits a number
    assert 'value="at_least"' in page
    assert 'value="starts_with"' not in page
    form = after("add-0", **{"operator-0-0": "at_least", "value-0-0": "500"})
    assert "Send only if order.total is at least 500." in page
    form = after("group", **{"path-0-1": "country", "value-0-1": "IN", "join-0": "or"})
    form = after("refresh", **{"path-1-0": "order.items", "operator-1-0": "present", "join": "and"})
    assert "order.total is at least 500 or country is IN, and order.items is there." in page
    assert "value-1-0" not in form
    form = after("remove-0-0")
    assert "Send only if country is IN, and order.items is there." in page
    assert fresh(event).conditions == {}
    client.post(address, data=form)
    saved = fresh(event).conditions
    assert (saved["join"], [group["join"] for group in saved["groups"]]) == ("and", ["or", "and"])
    form = sent_by(client.get(address).text, "conditions-form")
    form = after("remove-0-0")
    form = after("remove-0-0")
    assert "Send every time." in page
    client.post(address, data=form)
    assert fresh(event).conditions == {}


def test_rows_are_tried_against_a_payload_before_they_are_saved(client: FlaskClient) -> None:
    event = new_event(on=False)
    address = f"/events/{event.public_id}/conditions"
    form = sent_by(client.get(address).text, "conditions-form")
    rows = {"path-0-0": "country", "operator-0-0": "is", "value-0-0": "NO", "do": "try"}
    page = client.post(address, data={**form, **rows}, headers=HTMX).text
    assert "It would not be sent." in page
    assert "does not hold" in page
    page = client.post(address, data={**form, **rows, "against": '{"country": "no"}'}, headers=HTMX).text
    assert "It would be sent." in page
    for values, words in (
        ({"against": "{"}, "This is no JSON object"),
        ({"value-0-0": ""}, "Say what country is compared with"),
    ):
        wrong = client.post(address, data={**form, **rows, **values}, headers=HTMX)
        assert wrong.status_code == 422
        assert words in wrong.text


def test_conditions_that_cannot_be_are_refused(client: FlaskClient) -> None:
    event = new_event(on=False)
    address = f"/events/{event.public_id}/conditions"
    form = sent_by(client.get(address).text, "conditions-form")
    for values, words in (
        ({"path-0-0": "colour", "value-0-0": "red"}, "There is no variable colour"),
        ({"path-0-0": "order.total", "operator-0-0": "contains", "value-0-0": "5"}, "cannot be compared"),
        ({"path-0-0": "order.total", "operator-0-0": "at_least", "value-0-0": "much"}, "is none"),
    ):
        answer = client.post(address, data={**form, **values})
        assert answer.status_code == 422, values
        assert words in answer.text
    assert client.post(address, data={**form, "version": "0"}).status_code == 409
    bare = services.create_event(names=services.Names("Bare", "bare"))
    assert "No variables to compare" in client.get(f"/events/{bare.public_id}/conditions").text


# -- deliveries


def test_channels_are_saved_as_they_stand(client: FlaskClient) -> None:
    delays = {"push": {"delay_seconds": 90}, "sms": {"fallback_of": "push", "fallback_seconds": 7200}}
    event = new_event("push", "sms", on=False, deliveries=delays)
    address = f"/events/{event.public_id}/deliveries"
    page = client.get(address).text
    assert "only if Push was not delivered within 2 h" in page
    assert "1 min 30 s later" in page

    def rows() -> list[tuple[Any, ...]]:
        names = ("subscribed", "template_id", "category", "delay_seconds", "fallback_of", "fallback_seconds")
        return [tuple(getattr(row, name) for name in names) for row in fresh(event).deliveries]

    before, form = rows(), sent_by(page, "deliveries-form")
    assert (form["push-delay"], form["push-delay_unit"], form["sms-wait_unit"]) == ("90", "1", "3600")
    done = client.post(address, data=form)
    assert done.status_code == 303, done.text
    assert rows() == before
    form["version"] = version_in(client.get(address).text)
    client.post(address, data={**form, "sms-wait": "10", "sms-wait_unit": "60", "sms-category": "otp"})
    assert rows()[1][2:] == ("otp", 0, "push", 600)


def test_channels_that_cannot_be_sent_are_refused_at_their_field(client: FlaskClient) -> None:
    event = new_event("sms", on=False)
    address = f"/events/{event.public_id}/deliveries"
    form = sent_by(client.get(address).text, "deliveries-form")
    for values, place, words in (
        ({"email-subscribed": "on"}, "email-template", "Choose a template for email"),
        ({"sms-delay": "soon"}, "sms-delay", "Not a valid integer value"),
        ({"sms-delay": "-1"}, "sms-delay", "from 0 on"),
        ({"sms-delay": "40", "sms-delay_unit": "86400"}, "sms-template", "Thirty days"),
        ({"sms-template": "tpl_0000000000000"}, "sms-template", "Not a valid choice"),
        ({"sms-fallback": "push", "push-fallback": "sms"}, "sms-template", "wait for each other"),
    ):
        answer = client.post(address, data={**form, **values})
        assert answer.status_code == 422, values
        assert words in answer.text, values
        assert f'href="#{place}"' in answer.text
    assert client.post(address, data={**form, "version": "1"}).status_code == 409


def test_what_is_on_cannot_lose_what_its_templates_need(client: FlaskClient) -> None:
    event = new_event("sms")
    silent = new_template(SmsContent("Dear {{ title }}"), Category.TRANSACTIONAL)[0]
    address = f"/events/{event.public_id}/deliveries"
    form = sent_by(client.get(address).text, "deliveries-form")
    refused = client.post(address, data={**form, "sms-template": public_id("tpl", silent.id)})
    assert refused.status_code == 422
    assert "It cannot be on like this" in refused.text
    services.switch_event(event_id=event.id, enabled=False)
    form["version"] = version_in(client.get(address).text)
    client.post(address, data={**form, "sms-template": silent.public_id})
    page = client.get(address).text
    assert f"/events/{event.public_id}/variables?add=title" in page
    assert "/variables/new?name=title" in page
    assert f"/templates/{silent.public_id}/edit" in page


# -- rules


def test_rules_are_saved_and_told_in_words(client: FlaskClient) -> None:
    event = new_event(on=False)
    address = f"/events/{event.public_id}/rules"
    page = client.get(address).text
    assert "No rules" in page
    form = {
        **sent_by(page, "rules-form"), "idempotency_path": "order.number", "dedup": "2", "dedup_unit": "86400",
        "cap_count": "3", "cap": "12", "cap_unit": "3600", "expires": "30", "expires_unit": "60",
        "window_opens": "09:00", "window_closes": "21:00", "window_zone": "Asia/Kolkata",
    }  # fmt: skip
    done = client.post(address, data=form)
    assert done.status_code == 303, done.text
    row = fresh(event)
    assert (row.idempotency_path, row.dedup_seconds, row.cap_count) == ("order.number", 172_800, 3)
    assert (row.cap_seconds, row.expires_seconds, row.send_window["days"]) == (43_200, 1800, list(range(7)))
    page = client.get(address).text
    for words in (
        "The same order.number is not taken again within 2 d.",
        "at most 3 times within 12 h",
        "Sent only 09:00 to 21:00, every day, Asia/Kolkata",
        "later than 30 min after it",
    ):
        assert words in page
    assert client.post(address, data=sent_by(page, "rules-form")).status_code == 303
    assert fresh(event).send_window == row.send_window
    assert client.post(address, data=form).status_code == 409


def test_rules_that_cannot_be_are_refused_at_their_field(client: FlaskClient) -> None:
    event = new_event(on=False)
    address = f"/events/{event.public_id}/rules"
    form = sent_by(client.get(address).text, "rules-form")
    for values, place in (
        ({"idempotency_path": "colour"}, "idempotency_path"),
        ({"dedup": "31", "dedup_unit": "86400"}, "dedup"),
        ({"cap_count": "2", "cap": "0"}, "cap"),
        ({"expires": "x"}, "expires"),
        ({"window_opens": "nine", "window_closes": "10:00"}, "window_opens"),
        ({"window_opens": "09:00", "window_closes": "10:00", "window_zone": "Moon"}, "window_zone"),
        ({"window_opens": "09:00", "window_closes": "10:00", "window_days": []}, "window_days-0"),
    ):
        answer = client.post(address, data={**form, **values})
        assert answer.status_code == 422, values
        assert f'href="#{place}"' in answer.text, values


# -- roles


@pytest.mark.parametrize("part", ["variables", "conditions", "deliveries", "rules"])
def test_parts_are_read_by_all_and_changed_by_those_who_may(
    part: str, client: FlaskClient, sign_in: Callable[..., FlaskClient]
) -> None:
    event = new_event("sms")
    address = f"/events/{event.public_id}/{part}"
    viewer = sign_in(Role.VIEWER)
    page = viewer.get(address)
    assert page.status_code == 200
    assert "disabled" in page.text
    assert f"Save {part.replace('deliveries', 'channels')}" not in page.text
    assert viewer.post(address).status_code == 403
    editor = sign_in(Role.EDITOR)
    assert editor.post(address).status_code == 403
    services.switch_event(event_id=event.id, enabled=False)
    assert f"Save {part.replace('deliveries', 'channels')}" in editor.get(address).text
    assert editor.post(address, data=sent_by(editor.get(address).text, f"{part}-form")).status_code == 303
