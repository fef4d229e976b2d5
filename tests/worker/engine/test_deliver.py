from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy

from flask import Flask

from dashboard.extensions import db, transaction
from dashboard.ids import parse_public_id
from dashboard.jobs.models import Job
from dashboard.jobs.queries import job_totals
from dashboard.message_templates.models import Category
from dashboard.providers.models import Provider
from dashboard.settings import Settings
from dashboard.suppressions.models import Suppression
from dashboard.suppressions.tokens import read_unsubscribe_token
from tests.factories.sending import CONTENT, new_job, new_provider, people
from tests.worker.engine.slices import (
    chunk,
    counters,
    deliver,
    inbox,
    messages,
    recipients_in_inbox,
    scripted,
    states,
)
from worker.engine.feeding import Stop
from worker.providers.base import ConfigurationProblem, Outcome, OutgoingEmail
from worker.rendering.content import EmailContent


def test_every_record_is_sent_once_over_many_chunks(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(chunk_size=70, window_size=30)
    job = new_job(people(250))

    report = deliver(job.id)

    assert (report.stop, report.sent, report.problem, report.more) == (Stop.EXHAUSTED, 250, "", False)
    assert recipients_in_inbox() == {f"person{number}@example.com": 1 for number in range(250)}
    assert states(job.id) == counters(job.id) == {"sent": 250}
    assert [chunk(job.id, number).state for number in range(4)] == ["done"] * 4


def test_a_row_tells_what_happened(app: Flask) -> None:
    job = new_job([{"email": "anna@example.com", "name": "Anna"}])

    deliver(job.id)

    [row] = messages(job.id)
    assert row.id == job.first_message_id
    assert (row.recipient, row.state, row.attempts, row.code) == ("anna@example.com", "sent", 1, "250 2.0.0")
    assert row.provider_message_id == f"sandbox-{row.id}"
    assert row.handed_over_at is not None
    assert not row.maybe_twice
    assert db.session.get_one(Job, job.id).started_at is not None


def test_the_message_as_sent(app: Flask) -> None:
    job = new_job([{"email": "anna@example.com", "name": "Anna"}])

    deliver(job.id)

    [mail], [row] = inbox(), messages(job.id)
    parsed = message_from_bytes(mail.raw, policy=policy.default)
    assert parsed["From"] == "The Shop <desk@shop.example>"
    assert parsed["To"] == "anna@example.com"
    assert parsed["Subject"] == "Hello Anna"
    assert parsed["Message-ID"] == f"<{row.public_id}@shop.example>"
    assert parsed.get_body(("html",)).get_content().strip() == "<p>Dear Anna</p>"
    assert mail.message_id == row.id


def test_promotional_mail_can_be_ended_with_one_click(app: Flask) -> None:
    content = EmailContent(subject="Sale", html='<a href="{{ unsubscribe_url }}">Stop</a>')
    job = new_job([{"email": "anna@example.com"}], content=content)

    deliver(job.id)

    parsed = message_from_bytes(inbox()[0].raw, policy=policy.default)
    url = parsed["List-Unsubscribe"].strip("<>")
    assert url.startswith("http://desk.example/u/")
    assert read_unsubscribe_token(url.rpartition("/")[2]) == job.first_message_id
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert url in parsed.get_body(("html",)).get_content()


def test_transactional_mail_has_no_unsubscribe_header(app: Flask) -> None:
    job = new_job(people(1), category=Category.TRANSACTIONAL)

    deliver(job.id)

    assert b"List-Unsubscribe" not in inbox()[0].raw


def test_a_test_says_so_in_its_subject(app: Flask) -> None:
    job = new_job(people(1), is_test=True)

    deliver(job.id)

    assert inbox()[0].subject == "[TEST] Hello Person 0"
    assert messages(job.id)[0].is_test


def test_values_by_precedence(app: Flask) -> None:
    content = EmailContent(subject="{{ name }}|{{ city }}|{{ email }}|{{ message_id }}", html="x")
    records = [{"email": "a@example.com", "name": "from record", "city": "from record"}]
    job = new_job(records, content=content, call_values={"city": "from call"})

    deliver(job.id)

    name, city, email, message_id = inbox()[0].subject.split("|")
    assert (name, city, email) == ("from record", "from call", "a@example.com")
    assert parse_public_id("msg", message_id) == job.first_message_id


def test_copies_travel_in_the_envelope(app: Flask) -> None:
    content = EmailContent(subject="x", html="x", cc=("boss@shop.example",), bcc_variable="archive")
    job = new_job([{"email": "a@example.com", "archive": "vault@shop.example"}], content=content)
    session = scripted(job)

    deliver(job.id)

    assert session.taken[0].recipients == ("a@example.com", "boss@shop.example", "vault@shop.example")
    assert session.taken[0].envelope_from == "desk@shop.example"


def test_the_recipient_may_stand_in_a_variable(app: Flask) -> None:
    job = new_job([{"email": "a@example.com", "name": "x", "office": "b@example.com"}], recipient_column="office")

    deliver(job.id)

    assert inbox()[0].recipient == "b@example.com"


def test_records_that_cannot_be_sent_fail_alone(app: Flask) -> None:
    records = [
        {"email": "good@example.com", "name": "x"},
        {"name": "nobody"},
        {"email": "not an address", "name": "x"},
        {"email": "nameless@example.com"},
        {"email": "also-good@example.com", "name": "x"},
    ]
    job = new_job(records)

    deliver(job.id)

    assert [(row.state, row.code) for row in messages(job.id)] == [
        ("sent", "250 2.0.0"),
        ("failed", "no_address"),
        ("failed", "invalid_address"),
        ("failed", "undefined_variable"),
        ("sent", "250 2.0.0"),
    ]
    assert "name" in (messages(job.id)[3].detail or "")
    assert counters(job.id) == {"sent": 2, "failed": 3}


def test_outcomes_of_the_provider(app: Flask) -> None:
    addresses = ["fail@example.com", "bounce@example.com", "fine@example.com"]
    job = new_job([{"email": address, "name": "x"} for address in addresses])

    deliver(job.id)

    assert [row.state for row in messages(job.id)] == ["failed", "bounced", "sent"]
    assert messages(job.id)[0].code == "554 5.7.1"


def _suppress(address: str, scope: str) -> None:
    with transaction() as session:
        session.add(Suppression(channel="email", address=address, scope=scope, reason="unsubscribed"))


def test_suppressed_people_are_spared(app: Flask) -> None:
    _suppress("person1@example.com", "promotional")
    _suppress("person2@example.com", "all")
    job = new_job(people(4))

    deliver(job.id)

    assert [(row.state, row.code) for row in messages(job.id)][1:3] == [("suppressed", "unsubscribed")] * 2
    assert counters(job.id) == {"sent": 2, "suppressed": 2}
    assert set(recipients_in_inbox()) == {"person0@example.com", "person3@example.com"}


def test_transactional_mail_spares_only_who_wants_nothing(app: Flask) -> None:
    _suppress("person1@example.com", "promotional")
    _suppress("person2@example.com", "all")
    job = new_job(people(4), category=Category.TRANSACTIONAL)

    deliver(job.id)

    assert counters(job.id) == {"sent": 3, "suppressed": 1}


def test_upper_case_does_not_evade_suppression(app: Flask) -> None:
    _suppress("anna@example.com", "promotional")
    job = new_job([{"email": "Anna@Example.com", "name": "Anna"}])

    deliver(job.id)

    assert states(job.id) == {"suppressed": 1}


def test_a_second_slice_finds_nothing_to_do(app: Flask) -> None:
    job = new_job(people(30))
    deliver(job.id)

    again = deliver(job.id)

    assert (again.stop, again.sent, again.more) == (None, 0, False)
    assert sum(recipients_in_inbox().values()) == 30


def test_settings_at_fault_pause_the_job_with_the_reason(app: Flask) -> None:
    job = new_job(people(10))
    taken: list[int] = []

    def refuse(message: OutgoingEmail) -> Outcome:
        taken.append(message.reference)
        raise ConfigurationProblem("auth_refused", "535 5.7.8 Wrong password.")

    session = scripted(job, refuse)
    session.send = _refusing  # type: ignore[method-assign]

    report = deliver(job.id)

    assert "Wrong password" in report.problem
    assert not report.more
    assert counters(job.id) == {"queued": 10}
    assert {row.attempts for row in messages(job.id)} == {0}
    assert "Wrong password" in db.session.get_one(Provider, job.provider_id).last_error


def _refusing(outgoing: object, on_outcome: Callable[[Outcome], None]) -> None:
    """As the contract asks: what was taken goes back as not attempted, then the problem is raised."""
    from worker.providers.base import Result

    first = next(iter(outgoing))  # type: ignore[call-overload]
    on_outcome(Outcome(first.reference, Result.RETRY, code="not_attempted", detail="535 5.7.8 Wrong password."))
    raise ConfigurationProblem("auth_refused", "535 5.7.8 Wrong password.")


def test_a_disabled_provider_is_told_in_words(app: Flask) -> None:
    provider = new_provider()
    job = new_job(people(3), provider=provider)
    with transaction() as session:
        session.get_one(Provider, provider.id).enabled = False

    report = deliver(job.id)

    assert "disabled" in report.problem
    assert states(job.id) == {}


def test_an_unknown_vendor_is_told_in_words(app: Flask) -> None:
    job = new_job(people(3), provider=new_provider("pigeon"))

    assert "pigeon" in deliver(job.id).problem
    assert counters(job.id) == {}


def test_secrets_of_another_key_are_told_in_words(app: Flask) -> None:
    provider = new_provider()
    job = new_job(people(3), provider=provider)
    with transaction() as session:
        session.get_one(Provider, provider.id).secrets = "gAAAAABother"

    assert "enter them again" in deliver(job.id).problem


def test_a_template_that_does_not_compile_is_told_in_words(app: Flask) -> None:
    job = new_job(people(3), content=EmailContent(subject="{% if %}", html="x"))

    assert "template cannot be compiled" in deliver(job.id).problem


def test_a_fault_of_the_adapter_pauses_and_leaves_what_it_had_unknown(app: Flask) -> None:
    job = new_job(people(5), resend_unknown=False)

    def crash(message: OutgoingEmail) -> Outcome:
        raise ZeroDivisionError("a bug")

    scripted(job, crash)
    report = deliver(job.id)

    assert "ZeroDivisionError" in report.problem
    assert counters(job.id) == {"unknown": 1, "queued": 4}
    assert messages(job.id)[0].code == "session_failed"


def test_content_is_the_one_of_the_job_not_of_today(app: Flask) -> None:
    """Global values were frozen when the job was made."""
    content = EmailContent(subject="{{ company_name }}", html="x")
    job = new_job(people(1), content=content)
    with transaction() as session:
        session.get_one(Job, job.id).global_values = {"company_name": "As it was"}

    deliver(job.id)

    assert inbox()[0].subject == "As it was"


def test_an_empty_job_is_no_problem(app: Flask) -> None:
    job = new_job([], content=CONTENT)

    assert deliver(job.id).problem == ""
    assert job_totals(job.id).records == 0
