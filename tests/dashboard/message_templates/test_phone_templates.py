"""Templates of SMS and push at the desk: made, previewed, tested, published, compared."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import User
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.message_templates import queries
from dashboard.message_templates.models import Category, Template
from dashboard.message_templates.services import Draft, create_template, publish, save_draft
from dashboard.messages.models import Message
from dashboard.providers.models import Route, SandboxMail
from dashboard.variables.models import Variable
from tests.factories.message_templates import new_audience
from tests.factories.sending import new_provider
from worker.engine.deliver import work
from worker.rendering.push import DataSource, PushContent
from worker.rendering.sms import SmsContent

HTMX = {"HX-Request": "true"}


def new_sms() -> Template:
    return create_template(name="Shipped", category="transactional", starter_key="sms_order_shipped")


def new_push() -> Template:
    return create_template(name="Pushed", category="transactional", starter_key="push_order_shipped")


def sms_fields(template: Template, **values: Any) -> dict[str, Any]:
    fields = {"name": template.name, "category": template.category, "version": str(template.version)}
    return {**fields, "text": "Hi {{ first_name }}", "sample": '{"first_name": "Asha"}', **values}


def push_fields(template: Template, **values: Any) -> dict[str, Any]:
    fields = {"name": template.name, "category": template.category, "version": str(template.version)}
    return {**fields, "title": "Hi {{ name }}", "body": "There", "sample": '{"name": "Asha"}', **values}


def preview(client: FlaskClient, template: Template, fields: dict[str, Any]) -> str:
    return client.post(f"/templates/{template.public_id}/render", data=fields, headers=HTMX).get_data(as_text=True)


def default_route(channel: str, vendor: str) -> None:
    provider = new_provider(vendor)
    with transaction():
        for category in Category:
            db.session.add(Route(channel=channel, category=category, position=0, provider_id=provider.id))


@pytest.mark.parametrize(
    ("channel", "starter"), [("sms", "sms_order_shipped"), ("push", "push_order_shipped"), ("email", "short_message")]
)
def test_a_new_template_of_each_channel(client: FlaskClient, channel: str, starter: str) -> None:
    page = client.get(f"/templates/new?channel={channel}").get_data(as_text=True)
    assert f'value="{starter}"' in page
    data = {"name": "New one", "category": "transactional", "starter": starter}
    where = client.post("/templates/new", data=data).location
    assert db.session.scalars(select(Template)).one().channel == channel
    assert client.get(where).status_code == 200


def test_the_list_tells_channels_apart(client: FlaskClient) -> None:
    new_sms()
    new_push()
    page = client.get("/templates?channel=sms", headers=HTMX).get_data(as_text=True)
    assert "Shipped" in page
    assert "Pushed" not in page


def test_an_sms_on_the_phone_with_its_meter(client: FlaskClient) -> None:
    default_route("sms", "sandbox_sms")
    template = new_sms()
    shown = preview(client, template, sms_fields(template, text="Hi {{ first_name }} €"))
    assert (
        "<strong>GSM-7</strong> <span>10 of 160 units</span> <span>9 characters</span> <span>1 segment</span>" in shown
    )
    assert "Hi Asha €" in shown
    assert "SHOPEX" in shown


def test_what_forces_ucs2_is_named_and_can_be_replaced(client: FlaskClient) -> None:
    template = new_sms()
    typed = sms_fields(template, text="Don’t {{ first_name|default('x’y') }} – 🙂", sample='{"first_name": "Zoë’s"}')
    shown = preview(client, template, typed)
    assert "UCS-2" in shown
    assert "right single quotation mark, character 4, 2 times" in shown
    assert "(comes from a value)" in shown
    assert "(nothing like it in GSM-7)" in shown
    assert "Replace all" in shown
    answer = client.post(
        f"/templates/{template.public_id}/edit/rows",
        data={**typed, "change": "replace_all"},
        headers=HTMX | {"HX-Target": "sms-message"},
    )
    block = answer.get_data(as_text=True)
    assert block.strip().startswith('<section class="card" id="sms-message"')
    assert "Don&#39;t {{ first_name|default(&#39;x’y&#39;) }} - 🙂" in block


def test_each_of_them_can_be_replaced_on_its_own(client: FlaskClient) -> None:
    template = new_sms()
    typed = sms_fields(template, text="Don’t {{ first_name|default('x’y') }} – 🙂")
    shown = preview(client, template, typed)
    assert 'value="replace_one:2019"' in shown
    assert 'value="replace_one:2013"' in shown
    assert "replace_one:1f642" not in shown
    url = f"/templates/{template.public_id}/edit/rows"
    headers = HTMX | {"HX-Target": "sms-message"}
    block = client.post(url, data={**typed, "change": "replace_one:2019"}, headers=headers).get_data(as_text=True)
    assert "Don&#39;t {{ first_name|default(&#39;x’y&#39;) }} – 🙂" in block
    for odd in ("replace_one:", "replace_one:110000", "replace_one:zz", "replace_one:d800"):
        block = client.post(url, data={**typed, "change": odd}, headers=headers).get_data(as_text=True)
        assert "Don’t" in block


def test_lengths_over_an_audience_are_told_where_asked_for(client: FlaskClient) -> None:
    template = new_sms()
    sizes = [10] * 91 + [200] * 8 + [400]
    audience = new_audience("People", [(None, {"first_name": "x" * size}) for size in sizes])
    typed = sms_fields(template)
    assert "Measure over the audience" not in preview(client, template, typed)
    chosen = {**typed, "data": audience.public_id}
    shown = preview(client, template, chosen)
    assert "Measure over the audience" in shown
    assert "looked at" not in shown
    told = preview(client, template, {**chosen, "measure": "1"})
    assert "1 segment 91 %, 2 segments 8 %, 3+ 1 % (longest: record 100)" in told
    assert "100 records looked at" in told
    page = client.post(f"/templates/{template.public_id}/render", data={**chosen, "measure": "1"}).text
    assert "<html" in page
    assert "100 records looked at" in page
    assert "No record of this audience" in preview(client, template, {**chosen, "measure": "1", "text": "{{ gone }}"})
    assert "looked at" not in preview(client, template, {**chosen, "measure": "1", "text": "{{ broken"})


def test_a_registered_text_is_held_against_the_message(client: FlaskClient) -> None:
    template = new_sms()
    fits = sms_fields(template, registered_text="Hi {#var#}", registered_template="1707160000000000001")
    assert "It fits the registered text" in preview(client, template, fits)
    assert '<span class="slot"' in preview(client, template, fits)
    unfit = preview(client, template, fits | {"registered_text": "Dear {#var#}"})
    assert "It does not fit the registered text" in unfit
    assert "is registered and not in the message" in unfit
    assert "vanishes" in preview(client, template, fits | {"text": "Hi {#var#}"})


def test_too_many_segments_stop_it(client: FlaskClient) -> None:
    template = new_sms()
    assert "11 segments, 10 are the most" in preview(client, template, sms_fields(template, text="a" * 1600))


def test_an_sms_is_saved_published_compared_and_cloned(client: FlaskClient) -> None:
    template = new_sms()
    base = f"/templates/{template.public_id}"
    publish(template_id=template.id)
    db.session.refresh(template)
    answer = client.post(f"{base}/edit", data=sms_fields(template, text="Changed {{ first_name }}"), headers=HTMX)
    assert answer.status_code == 200
    assert queries.content_of(queries.working_version(template)) == SmsContent("Changed {{ first_name }}")
    assert "Changed" in client.get(f"{base}/publish", headers=HTMX).get_data(as_text=True)
    publish(template_id=template.id)
    compared = client.get(f"{base}/versions/1..2").get_data(as_text=True)
    assert "Message" in compared
    assert "<ins>" in compared
    assert "Changed Asha" in client.get(base).get_data(as_text=True)
    client.post(f"{base}/clone", data={"name": "Copy"})
    copy = db.session.scalars(select(Template).where(Template.name == "Copy")).one()
    assert copy.channel == "sms"


def test_an_sms_that_cannot_be_saved(client: FlaskClient) -> None:
    template = new_sms()
    answer = client.post(
        f"/templates/{template.public_id}/edit", data=sms_fields(template, text="", registered_template="17a")
    )
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert "A text message needs words." in page
    assert "The id has digits only." in page


def test_an_sms_goes_to_my_phone_and_to_five_others(client: FlaskClient) -> None:
    default_route("sms", "sandbox_sms")
    template = new_sms()
    base = f"/templates/{template.public_id}/tests"
    refused = client.post(f"{base}/me", data=sms_fields(template), headers=HTMX)
    assert refused.status_code == 422
    assert "Your account has no phone number for tests." in refused.get_data(as_text=True)
    with transaction():
        db.session.scalars(select(User)).first().phone = "+919820012345"
    assert client.post(f"{base}/me", data=sms_fields(template), headers=HTMX).status_code == 200
    data = sms_fields(template, addresses="98200 12346, +49 1512 3456789")
    assert "+919820012346" in client.post(base, data=data, headers=HTMX).get_data(as_text=True)
    wrong = client.post(base, data=sms_fields(template, addresses="+912227781234"), headers=HTMX)
    assert wrong.status_code == 422
    assert "a landline gets no SMS" in wrong.get_data(as_text=True)
    many = client.post(base, data=sms_fields(template, addresses=",".join(["+919820012345"] * 6)), headers=HTMX)
    assert "6 numbers are too many" in many.get_data(as_text=True)
    for job_id in sorted(set(jobs())):
        work(job_id)
    db.session.rollback()
    mails = db.session.scalars(select(SandboxMail).order_by(SandboxMail.recipient)).all()
    assert [mail.recipient for mail in mails] == ["+4915123456789", "+919820012345", "+919820012346"]
    assert {mail.subject for mail in mails} == {"[TEST] Hi Asha"}


def jobs() -> list[int]:
    return [job.id for job in db.session.scalars(select(Job))]


def test_a_notification_on_locked_phones_with_its_bytes(client: FlaskClient) -> None:
    template = new_push()
    shown = preview(
        client, template, push_fields(template, link="app://x", entry_key=["a"], entry_value=["{{ name }}"])
    )
    assert "On Android" in shown
    assert "Hi Asha" in shown
    assert re.search(r"\d+ of 4\s096 bytes", shown)
    large = preview(client, template, push_fields(template, body="x" * 4200))
    assert "4,096 are the most" in large


def test_where_a_tap_leads_can_be_tried(client: FlaskClient) -> None:
    template = new_push()
    shown = preview(client, template, push_fields(template, link="shop://orders/{{ name|urlencode }}?from=push"))
    assert 'href="shop://orders/Asha?from=push"' in shown
    assert "QR code of the link" in shown
    assert "from = push" in shown
    assert "&#34;link&#34;: &#34;shop://orders/Asha?from=push&#34;" in shown  # the payload
    refused = preview(client, template, push_fields(template, link="javascript:alert(1)"))
    assert 'href="javascript:' not in refused
    assert "no link that begins with javascript:" in refused


def test_a_notification_is_saved_with_its_data(client: FlaskClient) -> None:
    template = new_push()
    base = f"/templates/{template.public_id}"
    data = push_fields(template, entry_key=["order", ""], entry_value=["{{ name }}", ""])
    assert client.post(f"{base}/edit", data=data, headers=HTMX).status_code == 200
    content = queries.content_of(queries.working_version(template))
    assert content == PushContent("Hi {{ name }}", "There", data=(DataSource("order", "{{ name }}"),))
    refused = client.post(f"{base}/edit", data=data | {"entry_key": ["from", "from"], "version": ""})
    assert refused.status_code == 422
    assert "from is kept by the vendors" in refused.get_data(as_text=True)


def test_rows_of_data_are_added_and_removed(client: FlaskClient) -> None:
    template = new_push()
    data = push_fields(template, entry_key=["a"], entry_value=["1"], change="add_row")
    answer = client.post(
        f"/templates/{template.public_id}/edit/rows", data=data, headers=HTMX | {"HX-Target": "entries"}
    )
    block = answer.get_data(as_text=True)
    assert block.strip().startswith('<section class="card" id="entries"')
    assert block.count('name="entry_key"') == 2


def test_a_notification_goes_to_my_device(app: Flask, client: FlaskClient) -> None:
    default_route("push", "sandbox_push")
    template = new_push()
    with transaction():
        db.session.scalars(select(User)).first().push_token = "device-1"
    answer = client.post(f"/templates/{template.public_id}/tests/me", data=push_fields(template), headers=HTMX)
    assert answer.status_code == 200
    work(jobs()[0])
    db.session.rollback()
    [message] = db.session.scalars(select(Message)).all()
    assert (message.channel, message.recipient, message.state) == ("push", "device-1", "sent")
    assert db.session.scalars(select(SandboxMail)).one().subject == "[TEST] Hi Asha"


def test_a_renamed_variable_is_renamed_in_sms_and_push(client: FlaskClient) -> None:
    client.post("/variables/new", data={"name": "shop_name", "value": "Lumen"})
    variable = db.session.scalars(select(Variable).where(Variable.name == "shop_name")).one()
    sms, push = new_sms(), new_push()
    for template, content in (
        (sms, SmsContent("{{ shop_name }}: hi", registered_text="{#var#}: hi")),
        (push, PushContent("{{ shop_name }}", "Hi", data=(DataSource("shop", "{{ shop_name|upper }}"),))),
    ):
        draft = Draft(template.name, template.category, content)
        save_draft(template_id=template.id, draft=draft, version=template.version)
        publish(template_id=template.id, version=None)
    answer = client.post(f"/variables/{variable.public_id}/rename", data={"name": "store"})
    assert answer.status_code == 303
    db.session.rollback()
    db.session.expire_all()
    stored = {}
    for template in (sms, push):
        version = queries.published_version(queries.template(template.id))
        assert version is not None
        assert version.number == 2
        stored[template.channel] = version.content
    assert stored["sms"]["text"] == "{{ store }}: hi"
    assert stored["sms"]["registered_text"] == "{#var#}: hi"
    assert stored["push"]["title"] == "{{ store }}"
    assert "store|upper" in str(stored["push"]["data"])
