"""Keeping providers: what is refused, what is encrypted, what the log says, what stands on what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.audit.models import AuditEntry
from dashboard.crypto import decrypt
from dashboard.current import current_settings
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job, JobState
from dashboard.problems import Conflict, DomainError, NotFound
from dashboard.providers import queries, services
from dashboard.providers.models import Provider, Route
from dashboard.providers.routes import set_default
from dashboard.providers.services import From
from tests.factories.campaigns import new_campaign, new_desk
from tests.factories.providers import NEWS, PASSWORD, fresh, new_inbox, new_relay
from tests.factories.sending import new_job, people
from tests.worker.providers.real_servers import (
    PASSWORD as RIGHT,
)
from tests.worker.providers.real_servers import (
    USERNAME,
    Mailbox,
    MailServer,
    mail_server,
    make_certificate,
    only_anna,
    server_context,
)
from tests.worker.providers.smtp_server import SILENCE, Script, ScriptedServer

pytestmark = pytest.mark.usefixtures("app")


def save(provider: Provider, **changes: Any) -> Provider:
    values: dict[str, Any] = {
        "provider_id": provider.id,
        "version": None,
        "name": provider.name,
        "settings": provider.settings,
        "senders": [NEWS],
        "rate_per_second": provider.rate_per_second,
    }
    return services.update_provider(**(values | changes))


def secrets_of(provider: Provider) -> dict[str, Any]:
    return decrypt(current_settings().key, fresh(provider).secrets)


def entries() -> list[AuditEntry]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def test_settings_are_typed_and_secrets_apart() -> None:
    relay = fresh(new_relay(port="25", verify_certificate=False))
    assert relay.settings["port"] == 25
    assert relay.settings["verify_certificate"] is False
    assert relay.settings["connections"] == 8
    assert "password" not in relay.settings
    assert PASSWORD not in relay.secrets
    assert secrets_of(relay) == {"password": PASSWORD}
    assert (relay.secrets_set_by, relay.channel) == ("Mira", "email")


def test_the_log_never_holds_a_secret() -> None:
    relay = new_relay()
    save(relay, settings=relay.settings | {"password": "another secret"})
    written = json.dumps([[entry.summary, entry.before, entry.after] for entry in entries()])
    assert PASSWORD not in written
    assert "another secret" not in written
    assert entries()[-1].after["credentials"] == "changed"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"settings": {"host": ""}}, "host"),
        ({"settings": {"host": "mail.example", "port": "70000"}}, "port"),
        ({"settings": {"host": "mail.example", "username": "desk"}}, "password"),
        ({"vendor": "pigeon"}, "vendor"),
        ({"name": " "}, "name"),
        ({"name": "Taken"}, "name"),
        ({"senders": []}, "senders"),
        ({"senders": [From("nonsense")]}, "address"),
        ({"senders": [From("a@shop.example"), From("A@shop.example")]}, "senders"),
        ({"rate_per_second": -1}, "rate_per_second"),
        ({"rate_per_second": float("nan")}, "rate_per_second"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(changes: dict[str, Any], field: str) -> None:
    new_inbox("Taken")
    values: dict[str, Any] = {"name": "New", "vendor": "smtp", "settings": {"host": "mail.example"}, "senders": [NEWS]}
    with pytest.raises(DomainError) as refused:
        services.create_provider(**(values | changes))
    assert refused.value.field == field
    assert [row.name for row in queries.listed()] == ["Taken"]


def test_an_empty_secret_keeps_the_stored_one() -> None:
    relay = new_relay()
    save(relay, settings=relay.settings | {"password": "", "host": "other.shop.example"})
    assert secrets_of(relay) == {"password": PASSWORD}
    assert fresh(relay).settings["host"] == "other.shop.example"


def test_a_secret_is_removed_only_with_what_needs_it() -> None:
    relay = new_relay()
    with pytest.raises(DomainError) as refused:
        save(relay, removed_secrets=["password"])
    assert refused.value.field == "password"
    save(relay, settings=relay.settings | {"username": ""}, removed_secrets=["password"])
    assert fresh(relay).secrets == ""
    assert fresh(relay).secrets_set_at is None


def test_secrets_of_another_key_have_to_be_entered_again() -> None:
    relay = new_relay()
    with transaction() as session:
        session.execute(update(Provider).values(secrets="encrypted under another key"))
    with pytest.raises(DomainError) as refused:
        save(relay)
    assert refused.value.field == "password"
    report = services.test_connection(provider_id=relay.id)
    assert "another SECRET_KEY" in report.steps[0][2]


def test_a_stale_form_does_not_overwrite() -> None:
    relay = new_relay()
    save(relay, name="Renamed", version=relay.version)
    with pytest.raises(Conflict):
        save(relay, name="Mine", version=1)
    assert fresh(relay).name == "Renamed"


def test_senders_that_stay_keep_their_id() -> None:
    relay = new_relay()
    kept = relay.senders[0].id
    save(relay, senders=[From("orders@shop.example", is_default=True), From("News@shop.example", "Renamed")])
    rows = {row.address: row for row in fresh(relay).senders}
    assert rows["news@shop.example"].id == kept
    assert rows["news@shop.example"].display_name == "Renamed"
    assert not rows["news@shop.example"].is_default
    assert rows["orders@shop.example"].is_default
    assert queries.sender_choices(relay.id)[0][1] == "orders@shop.example"


def test_a_from_address_of_a_planned_campaign_stays() -> None:
    desk = new_desk()
    new_campaign(desk, "Tomorrow", state="scheduled", sender_id=desk.sender.id)
    with pytest.raises(DomainError, match="Tomorrow") as refused:
        save(desk.provider, settings={}, senders=[NEWS])
    assert refused.value.code == "in_use"


def test_defaults_go_only_to_who_can_send(app: Flask) -> None:
    relay, other = new_relay(), new_relay("Other")
    set_default(channel="email", category="otp", provider_id=relay.id)
    set_default(channel="email", category="otp", provider_id=other.id)
    assert {key: provider.name for key, provider in queries.routes().items()} == {("email", "otp"): "Other"}
    services.set_enabled(provider_id=relay.id, enabled=False)
    with pytest.raises(DomainError, match="disabled"):
        set_default(channel="email", category="otp", provider_id=relay.id)
    with pytest.raises(DomainError, match="sends email, not sms"):
        set_default(channel="sms", category="otp", provider_id=other.id)
    set_default(channel="email", category="otp", provider_id=None)
    assert queries.routes() == {}
    assert [entry.after for entry in entries() if entry.action == "route.set"][-1] == {"providers": ""}


def test_archiving_names_what_stands_on_it() -> None:
    desk = new_desk()
    new_campaign(desk, "Tomorrow", state="scheduled", provider_id=desk.provider.id)
    job = new_job(people(1), provider=desk.provider)
    with pytest.raises(DomainError) as refused:
        services.archive_provider(provider_id=desk.provider.id)
    for words in ("default for promotional email", "“Tomorrow”", job.public_id):
        assert words in refused.value.message


def test_archived_and_back() -> None:
    relay = new_relay()
    services.archive_provider(provider_id=relay.id)
    assert (queries.listed(), queries.provider_choices("email"), queries.archived_count()) == ([], [], 1)
    services.restore_provider(provider_id=relay.id)
    assert queries.provider_choices("email") == [(relay.id, "Office relay")]
    assert [entry.summary for entry in entries()][-2:] == ["Archived Office relay", "Restored Office relay"]


def test_a_run_that_is_over_does_not_hold_its_provider() -> None:
    relay = new_relay()
    job = new_job(people(1), provider=relay)
    with transaction() as session:
        session.get_one(Job, job.id).state = JobState.FINISHED
    services.archive_provider(provider_id=relay.id)
    assert fresh(relay).archived_at is not None


def test_the_rate_changes_alone() -> None:
    relay = new_relay()
    services.set_rate(provider_id=relay.id, rate_per_second=12.5)
    assert fresh(relay).rate_per_second == 12.5
    assert entries()[-1].summary == "Office relay sends at most 12.5 a second"
    assert fresh(relay).version == 2


def test_choices_need_no_request(session_app: Flask) -> None:
    relay = new_relay()
    assert queries.provider_choices("email") == [(relay.id, "Office relay")]
    assert queries.provider_choices("sms") == []
    assert queries.sender_choices(relay.id) == [(relay.senders[0].id, "The shop <news@shop.example>")]
    with pytest.raises(NotFound):
        services.get_provider(1)
    assert db.session.scalars(select(Route)).all() == []


@pytest.fixture
def server(tmp_path: Any) -> Callable[..., Any]:
    """A real mail server that lets one user in, over STARTTLS."""
    return lambda: mail_server(
        Mailbox(), tls_context=server_context(make_certificate(tmp_path)), authenticator=only_anna, auth_required=True
    )


def relay_at(server: MailServer, password: str) -> Provider:
    return new_relay(host="127.0.0.1", port=server.port, verify_certificate=False, username=USERNAME, password=password)


def test_the_connection_step_by_step(server: Callable[..., Any]) -> None:
    with server() as running:
        relay = relay_at(running, RIGHT)
        report = services.test_connection(provider_id=relay.id)
    assert report.ok
    assert len(report.steps) >= 4
    assert all(words for _, _, words in report.steps)
    assert (fresh(relay).last_test_ok, fresh(relay).last_error) == (True, "")


def test_a_wrong_password_is_told_in_words_and_forgotten_with_new_settings(server: Callable[..., Any]) -> None:
    with server() as running:
        relay = relay_at(running, "wrong")
        report = services.test_connection(provider_id=relay.id)
    assert not report.ok
    what, ok, words = report.steps[-1]
    assert not ok
    assert "535" in words
    assert "wrong" not in words
    tested = fresh(relay)
    assert (tested.last_test_ok, tested.last_error) == (False, words)
    save(relay, settings=tested.settings | {"password": RIGHT})
    saved = fresh(relay)
    assert (saved.last_test_at, saved.last_test_ok, saved.last_error) == (None, None, "")


def test_a_server_that_says_nothing_does_not_hold_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.providers.connection.report_within.__defaults__", (0.2,))
    with ScriptedServer(Script(replies={"CONNECT": [SILENCE]})) as silent:
        relay = new_relay(host="127.0.0.1", port=silent.port, security="none", username="", password="")
        report = services.test_connection(provider_id=relay.id)
    assert not report.ok
    assert "within 0.2 s" in fresh(relay).last_error
