"""Trying a provider from its page: the connection, and a test mail through the real path."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Channel, Template
from dashboard.message_templates.send_tests import PER_MINUTE
from dashboard.providers import services
from dashboard.providers.models import Provider, SandboxMail
from dashboard.providers.services import From
from dashboard.providers.trials import CONTENTS
from tests.brokers import waiting
from tests.factories.providers import fresh, new_inbox, new_relay
from tests.factories.sending import new_job, new_provider, people
from tests.worker.providers.smtp_server import ScriptedServer
from worker.engine.composing import TEST_MARK
from worker.engine.deliver import work
from worker.rendering.channels import compile_content
from worker.rendering.sms import RenderedSms

HTMX = {"HX-Request": "true"}
ME = "ada@example.com"


def url(provider: Provider, action: str = "/test-message") -> str:
    return f"/providers/{provider.public_id}{action}"


def chosen_sender(provider: Provider) -> dict[str, str]:
    """The sender as a form posts it; push has none."""
    return {"sender_id": str(provider.senders[0].id)} if provider.senders else {}


def jobs() -> list[Job]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(Job).order_by(Job.id)))


def test_connection_in_place(client: FlaskClient) -> None:
    box = new_inbox()
    answer = client.post(url(box, "/test-connection"), headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.strip().startswith('<section class="card" id="connection"')
    assert "Messages will appear in the sandbox inbox." in answer.text
    assert 'id="provider-state" hx-swap-oob="true"' in answer.text
    assert "Healthy" in answer.text
    assert fresh(box).last_test_ok


def test_connection_without_javascript(client: FlaskClient) -> None:
    with ScriptedServer() as server:
        relay = new_relay(host="127.0.0.1", port=server.port, security="none", username="", password="")
        page = client.post(url(relay, "/test-connection")).text
    assert "<html" in page
    assert "Everything works. Nothing was sent." in page
    assert server.deliveries == []


def test_connection_that_fails_in_words(client: FlaskClient) -> None:
    with ScriptedServer() as server:
        port = server.port
    relay = new_relay(host="127.0.0.1", port=port, security="none", username="", password="")
    page = client.post(url(relay, "/test-connection")).text
    assert "It does not work yet" in page
    assert "The last attempt to reach it failed" in page
    assert fresh(relay).last_error in page.replace("&#39;", "'")
    assert "Down" in client.get("/providers").text


def test_a_test_mail_goes_the_real_way(client: FlaskClient) -> None:
    box = new_inbox()
    dialog = client.get(url(box), headers=HTMX).text
    assert 'value="admin-person@example.com"' in dialog
    data = {"address": ME, "sender_id": str(box.senders[0].id)}
    answer = client.post(url(box), data=data, headers=HTMX)
    assert answer.headers["HX-Trigger"] == "app:dialog-close"
    assert 'hx-trigger="every 1s"' in answer.text
    (job,) = jobs()
    assert waiting("transactional") == [("send_chunks", (job.id,))]
    work(job.id)
    db.session.rollback()  # a reading transaction does not see what the engine wrote meanwhile
    progress = client.get(url(box, f"/test-message/{job.public_id}"), headers=HTMX).text
    assert ME in progress
    assert "every" not in progress
    db.session.rollback()
    mail = db.session.scalars(select(SandboxMail)).one()
    assert (mail.recipient, mail.subject) == (ME, "[TEST] It works: mail through Sandbox")
    assert b"news@shop.example" in mail.raw
    page = client.get(url(box, f"/test-message/{job.public_id}")).text
    assert "<html" in page
    assert (job.is_test, job.from_address) == (True, "news@shop.example")


@pytest.mark.parametrize(
    ("vendor", "typed", "kept", "label", "bad"),
    [
        ("sandbox_sms", "98200 12345", "+919820012345", "Phone number", "+912227781234"),
        ("sandbox_push", "device:Ab-12_3", "device:Ab-12_3", "Device token", "two words"),
    ],
)
def test_text_messages_and_notifications_go_the_same_way(
    client: FlaskClient, vendor: str, typed: str, kept: str, label: str, bad: str
) -> None:
    provider = new_provider(vendor)
    assert "Send a test message" in client.get(f"/providers/{provider.public_id}").text
    dialog = client.get(url(provider), headers=HTMX).text
    assert label in dialog
    assert ("Sender id" in dialog) == (provider.channel == "sms")
    data = chosen_sender(provider)
    refused = client.post(url(provider), data=data | {"address": bad}, headers=HTMX)
    assert (refused.status_code, bad in refused.text) == (422, True)
    assert jobs() == []
    answer = client.post(url(provider), data=data | {"address": typed}, headers=HTMX)
    assert answer.status_code == 200
    (job,) = jobs()
    work(job.id)
    db.session.rollback()
    mail = db.session.scalars(select(SandboxMail)).one()
    assert (mail.channel, mail.recipient) == (provider.channel, kept)
    assert "It works" in mail.raw.decode()
    progress = client.get(url(provider, f"/test-message/{job.public_id}"), headers=HTMX).text
    assert kept in progress
    assert "every" not in progress


def test_the_text_message_of_a_test_fits_into_one_segment(client: FlaskClient) -> None:
    content = CONTENTS[Channel.SMS]
    rendered = compile_content(content).render({"provider_name": "A name that is as long as a name may be " * 4})
    assert isinstance(rendered, RenderedSms)
    assert rendered.marked(TEST_MARK).segments == 1


def test_every_channel_has_a_template_of_its_own(client: FlaskClient) -> None:
    for vendor, address in (("sandbox", ME), ("sandbox_sms", "+919820012345"), ("sandbox_push", "device")):
        provider = new_provider(vendor)
        client.post(url(provider), data={"address": address} | chosen_sender(provider))
    templates = db.session.scalars(select(Template).order_by(Template.channel)).all()
    assert [row.channel for row in templates] == ["email", "push", "sms"]
    assert {job.channel for job in jobs()} == {"email", "push", "sms"}


def test_without_javascript_the_result_is_a_page(client: FlaskClient) -> None:
    box = new_inbox()
    answer = client.post(url(box), data={"address": ME, "sender_id": str(box.senders[0].id)})
    assert answer.location == url(box, f"/test-message/{jobs()[0].public_id}")


def test_the_chosen_from_address_is_used(client: FlaskClient) -> None:
    box = new_inbox()
    senders = [From("news@shop.example", is_default=True), From("orders@shop.example", "Orders")]
    services.update_provider(
        provider_id=box.id, version=None, name=box.name, settings={}, senders=senders, rate_per_second=0
    )
    chosen = next(row.id for row in fresh(box).senders if row.address == "orders@shop.example")
    client.post(url(box), data={"address": ME, "sender_id": str(chosen)})
    assert jobs()[0].from_address == "orders@shop.example"
    answer = client.post(url(box), data={"address": ME, "sender_id": "1"}, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#dialog")


def test_bad_addresses_and_disabled_providers_are_refused_in_the_dialog(client: FlaskClient) -> None:
    box = new_inbox()
    data = {"address": "nonsense", "sender_id": str(box.senders[0].id)}
    answer = client.post(url(box), data=data, headers=HTMX)
    assert answer.status_code == 422
    assert "not an email address" in answer.text
    assert client.post(url(box), data=data | {"address": ""}).status_code == 422
    services.set_enabled(provider_id=box.id, enabled=False)
    answer = client.post(url(box), data=data | {"address": ME})
    assert "is disabled" in answer.text
    assert jobs() == []


def test_the_template_behind_it_is_made_once_and_offered_to_nobody(client: FlaskClient) -> None:
    box = new_inbox()
    data = {"address": ME, "sender_id": str(box.senders[0].id)}
    for _ in range(2):
        client.post(url(box), data=data)
    template = db.session.scalars(select(Template)).one()
    assert template.archived_at is not None
    assert "Provider test" not in client.get("/templates").text


def test_not_too_many(client: FlaskClient) -> None:
    box = new_inbox()
    data = {"address": ME, "sender_id": str(box.senders[0].id)}
    for _ in range(PER_MINUTE):
        client.post(url(box), data=data)
    answer = client.post(url(box), data=data, headers=HTMX)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert len(jobs()) == PER_MINUTE


def test_only_test_mails_of_this_provider_are_shown(client: FlaskClient) -> None:
    box, other = new_inbox(), new_inbox("Other")
    client.post(url(box), data={"address": ME, "sender_id": str(box.senders[0].id)})
    (job,) = jobs()
    assert client.get(url(other, f"/test-message/{job.public_id}")).status_code == 404
    campaign_run = new_job(people(1), provider=box)
    assert client.get(url(box, f"/test-message/{campaign_run.public_id}")).status_code == 404


def test_editors_send_test_mails_viewers_do_not(sign_in: Callable[[Role], FlaskClient]) -> None:
    box = new_inbox()
    data = {"address": ME, "sender_id": str(box.senders[0].id)}
    assert sign_in(Role.VIEWER).post(url(box), data=data).status_code == 403
    assert sign_in(Role.EDITOR).post(url(box), data=data).status_code == 303
