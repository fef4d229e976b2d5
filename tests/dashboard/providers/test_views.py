"""The list, the generated form, the tabs of a provider, and who may do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard.accounts.models import Role
from dashboard.audit.models import AuditEntry
from dashboard.extensions import db, transaction
from dashboard.messages.models import MessageState
from dashboard.providers import services
from dashboard.providers.models import Provider
from tests.factories.campaigns import new_campaign, new_desk
from tests.factories.providers import PASSWORD, add_run, fresh, new_inbox, new_relay
from tests.statements import recorded
from worker.providers import registry

SignIn = Callable[[Role], FlaskClient]
HTMX = {"HX-Request": "true"}


def relay_form(**changes: Any) -> dict[str, Any]:
    values = {
        "name": "Office relay",
        "setting_host": "mail.shop.example",
        "setting_port": "465",
        "setting_security": "tls",
        "setting_verify_certificate": "y",
        "setting_username": "desk",
        "setting_password": PASSWORD,
        "sender_address": ["news@shop.example", ""],
        "sender_name": ["The shop", ""],
        "sender_default": "0",
        "rate_per_second": "",
    }
    return values | changes


def url(provider: Provider, action: str = "") -> str:
    return f"/providers/{provider.public_id}{action}"


def only() -> Provider:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Provider)).one()


def test_the_empty_list_says_where_to_begin(client: FlaskClient) -> None:
    page = client.get("/providers").text
    assert "Nothing can be sent before there is one" in page
    served = {adapter.channel for adapter in registry.providers()}
    assert page.count("is refused until you choose one") == 3 * len(served)
    assert "/providers/new" in page


def test_every_vendor_has_a_form_made_of_its_fields(client: FlaskClient) -> None:
    chooser = client.get("/providers/new").text
    for adapter in registry.providers():
        assert f"/providers/new/{adapter.vendor}" in chooser
        form = client.get(f"/providers/new/{adapter.vendor}").text
        for field in adapter.fields:
            assert f'name="setting_{field.name}"' in form
            assert field.label in form
        assert form.count('name="rate_per_second"') == 1
    assert client.get("/providers/new/pigeon").status_code == 404


def test_add(client: FlaskClient) -> None:
    answer = client.post("/providers/new/smtp", data=relay_form(rate_per_second="12.5"))
    provider = only()
    assert (answer.status_code, answer.location) == (303, url(provider))
    assert (provider.settings["port"], provider.settings["security"]) == (465, "tls")
    assert (provider.rate_per_second, [row.address for row in provider.senders]) == (12.5, ["news@shop.example"])
    assert provider.secrets_set_by == "The admin"
    page = client.get(answer.location).text
    assert "Untested" in page
    assert "Office relay is added" in page


def test_bad_values_stay_for_repair_with_their_errors(client: FlaskClient) -> None:
    data = relay_form(
        setting_host="http://mail", setting_port="x", rate_per_second="-3", sender_address=["nonsense"], name=""
    )
    answer = client.post("/providers/new/smtp", data=data)
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    for words in (
        "Give the provider a name", "Port must be a number", "0 and 100000", "not an email address", 'value="http://mail"',
        'value="nonsense"', "Type it again",
    ):  # fmt: skip
        assert words in answer.text
    assert PASSWORD not in answer.text
    assert db.session.scalars(select(Provider)).all() == []


def test_what_only_the_adapter_knows_comes_back_to_its_field(client: FlaskClient) -> None:
    answer = client.post("/providers/new/smtp", data=relay_form(setting_password=""))
    assert answer.status_code == 422
    assert 'id="setting_password-error"' in answer.text
    shares = {"setting_fail_percent": "80", "setting_bounce_percent": "80"}
    box = client.post("/providers/new/sandbox", data=shares | {"name": "Box", "sender_address": "news@shop.example"})
    assert "cannot be more than 100 %" in box.text
    assert 'id="setting_fail_percent-error"' in box.text


def test_an_error_among_the_folded_settings_opens_them(client: FlaskClient) -> None:
    page = client.post("/providers/new/smtp", data=relay_form(setting_connect_timeout="9999")).text
    assert '<details class="disclosure" id="advanced" open>' in page


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"sender_address": ["", ""], "sender_name": ["", ""]}, "Enter at least one From address."),
        ({"sender_address": ["a@shop.example", "A@shop.example"]}, "stands there twice"),
        ({"sender_address": [""], "sender_name": ["The shop"]}, "Enter the address that belongs to this name."),
    ],
)
def test_from_addresses_are_checked_row_by_row(client: FlaskClient, rows: dict[str, Any], words: str) -> None:
    answer = client.post("/providers/new/smtp", data=relay_form(**rows))
    assert answer.status_code == 422
    assert words in answer.text


def test_rows_are_added_and_removed_with_and_without_htmx(client: FlaskClient) -> None:
    data = relay_form(sender_address=["a@shop.example", "b@shop.example"], sender_name=["A", "B"], sender_default="1")
    fragment = client.post("/providers/new/smtp", data=data | {"change": "add"}, headers=HTMX)
    assert fragment.status_code == 200
    assert "<html" not in fragment.text
    assert fragment.text.count('name="sender_address"') == 3
    page = client.post("/providers/new/smtp", data=data | {"change": "remove-1"})
    assert "<html" in page.text
    assert page.text.count('name="sender_address"') == 1
    assert 'value="a@shop.example"' in page.text
    assert 'value="0" checked' in page.text  # the default went with its row: another one takes its place
    assert 'value="mail.shop.example"' in page.text
    assert PASSWORD not in page.text
    assert db.session.scalars(select(Provider)).all() == []


def test_edit_never_shows_a_secret_and_keeps_it(client: FlaskClient) -> None:
    relay = new_relay()
    page = client.get(url(relay, "/configuration")).text
    assert PASSWORD not in page
    assert "by Mira" in page
    before = relay.secrets
    data = relay_form(version=str(relay.version), setting_password="", name="Renamed")
    answer = client.post(url(relay, "/configuration"), data=data)
    assert answer.status_code == 303
    saved = fresh(relay)
    assert (saved.name, saved.secrets) == ("Renamed", before)
    assert PASSWORD not in client.get(url(relay, "/history")).text


def test_remove_a_secret(client: FlaskClient) -> None:
    relay = new_relay()
    data = relay_form(version="1", setting_password="", remove_password="y")
    assert client.post(url(relay, "/configuration"), data=data).status_code == 422
    answer = client.post(url(relay, "/configuration"), data=data | {"setting_username": ""})
    assert answer.status_code == 303
    assert fresh(relay).secrets == ""


def test_a_stale_form_gets_both_values(client: FlaskClient) -> None:
    relay = new_relay()
    stale = relay_form(version="1", setting_host="mine.shop.example", sender_address=["mine@shop.example"])
    services.set_rate(provider_id=relay.id, rate_per_second=7)
    answer = client.post(url(relay, "/configuration"), data=stale)
    assert answer.status_code == 409
    for words in ("mine.shop.example", "mail.shop.example", "mine@shop.example", "Somebody else saved this"):
        assert words in answer.text
    assert PASSWORD not in answer.text
    again = client.post(url(relay, "/configuration"), data=stale | {"version": "2"})
    assert again.status_code == 303
    assert fresh(relay).settings["host"] == "mine.shop.example"


def test_unreadable_credentials_say_what_to_do(client: FlaskClient) -> None:
    relay = new_relay()
    with transaction() as session:
        session.execute(update(Provider).values(secrets="from another key"))
    for path in ("", "/configuration"):
        assert "cannot be read" in client.get(url(relay, path)).text


def test_health_page_and_its_fragment(client: FlaskClient) -> None:
    box = new_inbox()
    run = add_run(box, [(MessageState.SENT, "")] * 8 + [(MessageState.FAILED, "554 5.7.1")] * 4)
    page = client.get(url(box)).text
    assert "the server said 554 5.7.1" in page
    assert "Degraded" in page
    assert "33.3 % of the last hour" in page
    assert f"/sandbox/?provider={box.public_id}" in page
    fragment = client.get(url(box), headers=HTMX).text
    assert "<html" not in fragment
    assert fragment.strip().startswith('<div class="stack" id="health" data-poll')
    assert '<span id="provider-state" hx-swap-oob="true">' in fragment
    assert run.public_id not in fragment


def test_what_depends_on_it_is_listed(client: FlaskClient) -> None:
    desk = new_desk()
    campaign = new_campaign(desk, "Tomorrow", state="scheduled", provider_id=desk.provider.id)
    page = client.get(url(desk.provider)).text
    assert "Default for promotional email" in page
    assert campaign.public_id in page
    dialog = client.get(url(desk.provider, "/disable"), headers=HTMX).text
    assert "<html" not in dialog
    assert "“Tomorrow” is planned to use it" in dialog
    refused = client.post(url(desk.provider, "/archive"))
    assert refused.status_code == 422
    assert "the campaign “Tomorrow”" in refused.text


def test_cards_tell_the_state_of_each(client: FlaskClient) -> None:
    add_run(new_inbox("Busy"), [(MessageState.SENT, "")] * 3)
    services.set_enabled(provider_id=new_relay("Resting").id, enabled=False)
    new_relay("New")
    page = client.get("/providers").text
    for words in ("Busy", "Healthy", "Resting", "Disabled", "New", "Untested", "3 sent", "no limit"):
        assert words in page


def test_disable_enable_archive_restore(client: FlaskClient) -> None:
    relay = new_relay()
    assert client.post(url(relay, "/disable")).status_code == 303
    assert not fresh(relay).enabled
    assert client.post(url(relay, "/enable"), headers=HTMX).headers["HX-Redirect"] == url(relay)
    assert fresh(relay).enabled
    assert client.get(url(relay, "/archive")).status_code == 200
    assert client.post(url(relay, "/archive")).location == "/providers"
    assert "Office relay" in client.get("/providers?archived=1").text
    listed = client.get("/providers").text
    assert "1 archived" in listed
    assert url(relay) not in listed
    assert client.post(url(relay, "/restore")).location == url(relay)
    assert fresh(relay).archived_at is None


def test_the_rate_from_the_health_page(client: FlaskClient) -> None:
    relay = new_relay()
    bad = client.post(url(relay, "/rate"), data={"rate_per_second": "fast"})
    assert bad.status_code == 422
    assert "must be a number" in bad.text
    assert 'value="fast"' in bad.text
    assert client.post(url(relay, "/rate"), data={"rate_per_second": " 40 "}).status_code == 303
    assert fresh(relay).rate_per_second == 40


def test_history_shows_who_changed_what(client: FlaskClient) -> None:
    relay = new_relay()
    client.post(url(relay, "/rate"), data={"rate_per_second": "40"})
    page = client.get(url(relay, "/history")).text
    assert "admin-person" in page
    assert "at most 40 a second" in page
    assert "<html" not in client.get(url(relay, "/history"), headers=HTMX).text
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "provider.set_rate")).one()
    assert (entry.before, entry.after) == ({"rate_per_second": 0}, {"rate_per_second": 40})


def test_readers_see_settings_but_no_form_and_no_way_to_change(sign_in: SignIn) -> None:
    relay = new_relay()
    sender = sign_in(Role.SENDER)
    page = sender.get(url(relay, "/configuration")).text
    assert "mail.shop.example" in page
    assert "STARTTLS" in page
    assert 'id="provider-form"' not in page
    assert "assword" not in page.split("<main")[1]
    for path in ("/disable", "/archive"):
        assert sender.get(url(relay, path)).status_code == 403
    for path in ("/configuration", "/disable", "/enable", "/archive", "/restore", "/rate", "/test-connection"):
        assert sender.post(url(relay, path)).status_code == 403
    assert sender.get("/providers/new/smtp").status_code == 403
    assert sender.post("/providers/new/smtp", data=relay_form()).status_code == 403
    assert sender.post("/providers/routes/email/otp").status_code == 403


def test_what_does_not_exist(client: FlaskClient) -> None:
    for path in ("", "/configuration", "/history", "/disable", "/archive", "/test-message"):
        assert client.get(f"/providers/prv_0000000000001{path}").status_code == 404


def test_the_list_costs_the_same_for_any_number_of_providers(client: FlaskClient) -> None:
    counts = []
    for number in range(4):
        add_run(new_inbox(f"Box {number}"), [(MessageState.SENT, "")])
        with recorded() as statements:
            client.get("/providers")
        counts.append(len(statements))
    assert len(set(counts[1:])) == 1, counts
