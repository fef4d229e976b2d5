"""Send to me and test send: through the real path, into the sandbox's inbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from dashboard.accounts.models import Role, User
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job
from dashboard.message_templates import queries, send_tests
from dashboard.message_templates.models import Template, TemplateVersion, VersionKind
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.preview_data import collect
from dashboard.messages.models import Message
from dashboard.problems import DomainError, NotFound, RateLimited
from dashboard.providers.models import Provider, Route, SandboxMail, Sender
from tests.brokers import waiting
from tests.dashboard.message_templates.test_views import HTMX, fields
from tests.factories.message_templates import content, new_audience, new_template
from worker.engine.deliver import work

ME = "admin-person@example.com"


@pytest.fixture
def provider(app: object) -> Provider:
    """The sandbox as default of both categories, with one From address."""
    with transaction() as session:
        row = Provider(name="Sandbox", channel="email", vendor="sandbox", settings={})
        row.senders.append(Sender(address="hello@shop.example", display_name="Shop", is_default=True))
        session.add(row)
        session.flush()
        for category in ("transactional", "promotional"):
            session.add(Route(channel="email", category=category, position=0, provider_id=row.id))
    return row


def path(template: Template, rest: str) -> str:
    return f"/templates/{template.public_id}/{rest}"


def inbox() -> list[tuple[str, str]]:
    db.session.rollback()  # a reading transaction does not see what the engine wrote meanwhile
    rows = db.session.execute(select(SandboxMail.recipient, SandboxMail.subject).order_by(SandboxMail.recipient))
    return [(recipient, subject) for recipient, subject in rows]


def only_job() -> Job:
    db.session.expire_all()
    return db.session.scalars(select(Job)).one()


@pytest.mark.usefixtures("provider")
def test_send_to_me_sends_what_is_typed_and_not_saved(client: FlaskClient) -> None:
    template = new_template(published=True)
    data = fields(template, subject="Typed by {{ first_name }}")
    answer = client.post(path(template, "tests/me"), data=data, headers=HTMX | {"HX-Target": "test-result"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Queued" in page
    assert 'hx-trigger="every 1s"' in page
    job = only_job()
    assert (job.is_test, job.kind) == (True, "test")
    assert waiting("transactional") == [("send_chunks", (job.id,))]
    work(job.id)
    assert inbox() == [(ME, "[TEST] Typed by Asha")]
    after = client.get(path(template, f"tests/{job.public_id}"), headers=HTMX).get_data(as_text=True)
    assert "hx-trigger" not in after
    assert "/messages/msg_" in after
    assert "Typed by" not in queries.working_version(template).content["subject"]


@pytest.mark.usefixtures("provider")
def test_send_to_me_from_the_reading_view_sends_what_is_saved(client: FlaskClient) -> None:
    template = new_template(published=True)
    answer = client.post(path(template, "tests/me"))
    job = only_job()
    assert (answer.status_code, answer.location) == (303, path(template, f"tests/{job.public_id}"))
    work(job.id)
    assert inbox() == [(ME, "[TEST] Hello Asha")]
    assert "Sent" in client.get(answer.location).get_data(as_text=True)


@pytest.mark.usefixtures("provider")
def test_test_send_to_several_with_a_real_record_and_without_copies(client: FlaskClient) -> None:
    audience = new_audience(
        "Customers", [("ann@example.com", {"first_name": "Ann"}), ("bob@example.com", {"first_name": "Bob"})]
    )
    template = new_template()
    data = fields(
        template,
        addresses="one@example.com\r\ntwo@example.com, one@example.com",
        provider="",
        data=audience.public_id,
        row="1",
        cc="boss@example.com",
        bcc_variable="email",
    )
    answer = client.post(path(template, "tests"), data=data, headers=HTMX)
    assert answer.headers["HX-Trigger"] == "app:dialog-close"
    work(only_job().id)
    assert inbox() == [("one@example.com", "[TEST] Hello Bob"), ("two@example.com", "[TEST] Hello Bob")]
    snapshot = db.session.scalars(select(TemplateVersion).where(TemplateVersion.kind == VersionKind.SNAPSHOT)).one()
    assert (snapshot.content["cc"], snapshot.content["bcc_variable"]) == ([], "")


@pytest.mark.usefixtures("provider")
def test_typed_json_and_the_own_address_reach_the_message(client: FlaskClient) -> None:
    template = new_template(subject="{{ first_name }} at {{ email }}")
    data = fields(template, subject="{{ first_name }} at {{ email }}", data="json", data_json='{"first_name": "Zed"}')
    assert client.post(path(template, "tests/me"), data=data, headers=HTMX).status_code == 200
    work(only_job().id)
    assert inbox() == [(ME, f"[TEST] Zed at {ME}")]


def test_the_provider_asked_for(client: FlaskClient, provider: Provider) -> None:
    with transaction() as session:
        other = Provider(name="Other sandbox", channel="email", vendor="sandbox", settings={})
        other.senders.append(Sender(address="other@shop.example", is_default=True))
        session.add(other)
    template = new_template()
    assert "Other sandbox" in client.get(path(template, "tests/new")).get_data(as_text=True)
    data = {"addresses": "one@example.com", "provider": other.public_id}
    assert client.post(path(template, "tests"), data=data).status_code == 303
    assert only_job().provider_id == other.id
    assert client.post(path(template, "tests"), data=data | {"provider": "prv_0000000000001"}).status_code == 422


def test_the_dialog_starts_with_ones_own_address(client: FlaskClient) -> None:
    template = new_template()
    page = client.get(path(template, "tests/new"), headers=HTMX).get_data(as_text=True)
    assert ME in page
    assert "<html" not in page


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"addresses": ""}, "Type at least one address"),
        ({"addresses": "nobody"}, "not an email address"),
        ({"addresses": ", ".join(f"a{n}@example.com" for n in range(6))}, "5 is the most"),
        ({"html": "{{ unknown_to_all }}"}, "unknown_to_all is not defined"),
        ({"html": "{% if a %}"}, "HTML, line 1, column 4"),
        ({"data": "json", "data_json": "{"}, "The JSON cannot be read"),
        ({"data": "adn_0000000000001"}, "no records"),
    ],
)
def test_what_cannot_be_sent_is_told_in_the_dialog(client: FlaskClient, changes: dict[str, str], words: str) -> None:
    template = new_template()
    data = fields(template, **({"addresses": "one@example.com", "provider": ""} | changes))
    answer = client.post(path(template, "tests"), data=data, headers=HTMX)
    assert answer.status_code == 422
    assert answer.headers["HX-Retarget"] == "#dialog"
    assert words in answer.get_data(as_text=True)
    assert db.session.scalars(select(Job)).all() == []


def test_no_provider_is_told_with_the_way_to_one(client: FlaskClient) -> None:
    template = new_template()
    answer = client.post(path(template, "tests/me"), headers=HTMX)
    assert answer.status_code == 422
    assert "no default provider for transactional email" in answer.get_data(as_text=True)
    assert 'href="/providers"' in answer.get_data(as_text=True)


@pytest.mark.usefixtures("provider")
def test_who_has_no_address_hears_where_to_enter_it(client: FlaskClient) -> None:
    with transaction() as session:
        session.execute(update(User).values(email=""))
    answer = client.post(path(new_template(), "tests/me"))
    assert answer.status_code == 422
    assert 'href="/me"' in answer.get_data(as_text=True)


@pytest.mark.usefixtures("provider")
def test_ten_tests_a_minute(client: FlaskClient) -> None:
    template = new_template()
    for _ in range(send_tests.PER_MINUTE):
        assert client.post(path(template, "tests/me"), headers=HTMX).status_code == 200
    answer = client.post(path(template, "tests/me"), headers=HTMX)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "10 test sends within a minute" in answer.get_data(as_text=True)
    with transaction() as session:
        session.execute(update(Job).values(created_at=utc_now() - timedelta(minutes=2)))
    assert client.post(path(template, "tests/me"), headers=HTMX).status_code == 200


@pytest.mark.usefixtures("provider")
def test_a_viewer_sends_nothing(sign_in: Callable[..., FlaskClient]) -> None:
    template = new_template()
    viewer = sign_in(Role.VIEWER)
    assert viewer.post(path(template, "tests/me")).status_code == 403
    assert viewer.post(path(template, "tests"), data={"addresses": ME}).status_code == 403
    assert viewer.get(path(template, "tests")).status_code == 200


def _sent(template: Template, user_id: int = 1) -> Job:
    return send_tests.send_test(
        template_id=template.id,
        content=content(),
        attachment_ids=[],
        addresses=[ME],
        data=collect(PreviewChoice(), {"first_name": "Asha"}),
        sent_by=user_id,
    )


@pytest.mark.usefixtures("provider")
def test_history_lists_outcomes(client: FlaskClient) -> None:
    template = new_template()
    assert "No test send yet" in client.get(path(template, "tests")).get_data(as_text=True)
    work(_sent(template).id)
    _sent(template)
    page = client.get(path(template, "tests")).get_data(as_text=True)
    assert page.count("/tests/run_") == 2
    assert "Sent" in page
    assert "Queued" in page


@pytest.mark.usefixtures("provider")
def test_polling_grows_patient_and_ends() -> None:
    template = new_template()
    job = _sent(template)
    fresh = send_tests.progress_of(template, job.id)
    assert (fresh.poll_seconds, fresh.slow) == (1, False)
    for age, seconds, slow in ((30, 3, True), (200, 15, True), (700, None, True)):
        with transaction() as session:
            session.execute(update(Job).values(created_at=utc_now() - timedelta(seconds=age)))
        db.session.expire_all()
        progress = send_tests.progress_of(template, job.id)
        assert (progress.poll_seconds, progress.slow) == (seconds, slow)


@pytest.mark.usefixtures("provider")
def test_the_line_says_how_it_went() -> None:
    template = new_template()
    job = _sent(template)
    assert send_tests.progress_of(template, job.id).kind == "info"
    work(job.id)
    db.session.rollback()
    assert send_tests.progress_of(template, job.id).kind == "ok"
    with transaction() as session:
        session.execute(update(Message).values(state="bounced", code="550", detail="mailbox unknown"))
    db.session.expire_all()
    progress = send_tests.progress_of(template, job.id)
    assert (progress.kind, progress.lines[0].words) == ("bad", "550: mailbox unknown")


@pytest.mark.usefixtures("provider")
def test_progress_is_of_this_template_alone() -> None:
    job = _sent(new_template())
    with pytest.raises(NotFound):
        send_tests.progress_of(new_template("Other"), job.id)


@pytest.mark.usefixtures("provider")
@pytest.mark.parametrize("count", [0, 6])
def test_one_to_five_addresses(count: int) -> None:
    template = new_template()
    with pytest.raises(DomainError):
        send_tests.send_test(
            template_id=template.id,
            content=content(),
            attachment_ids=[],
            addresses=[ME] * count,
            data=collect(PreviewChoice(), {"first_name": "A"}),
            sent_by=1,
        )


@pytest.mark.usefixtures("provider")
def test_the_limit_is_per_user() -> None:
    template = new_template()
    jobs: list[Any] = [_sent(template, 1) for _ in range(send_tests.PER_MINUTE)]
    with pytest.raises(RateLimited):
        _sent(template, 1)
    jobs.append(_sent(template, 2))
    assert len({job.id for job in jobs}) == send_tests.PER_MINUTE + 1
