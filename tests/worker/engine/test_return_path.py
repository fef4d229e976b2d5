from __future__ import annotations

from email import message_from_string

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from dashboard.current import current_settings
from dashboard.extensions import db
from tests.factories.sending import new_job, new_provider, people
from worker.engine.composing_email import EmailComposer
from worker.engine.plan import load_plan
from worker.engine.return_path import message_of_return_address, return_address
from worker.engine.rows import RecordRow

KEY = "key of the test"
ADA = RecordRow(0, "ada@example.com", None, None, '{"name": "Ada"}')
ids = st.integers(0, 2**63 - 1)


@given(ids, st.booleans())
def test_an_address_leads_back_to_its_message_in_any_case(message_id: int, shouted: bool) -> None:
    address = return_address("bounces@example.com", message_id, key=KEY)
    seen = address.upper() if shouted else address

    assert message_of_return_address(f"Undelivered <{seen}>, other@example.com", key=KEY) == message_id
    assert message_of_return_address(seen, key="another installation") is None


def test_the_longest_local_part_fits() -> None:
    local, _, domain = return_address("b" * 34 + "@example.com", 2**63 - 1, key=KEY).rpartition("@")

    assert (len(local), domain) == (64, "example.com")


@given(ids, st.integers(0, 28), st.sampled_from("0z"))
def test_a_changed_token_is_nobodys(message_id: int, place: int, letter: str) -> None:
    address = return_address("b@example.com", message_id, key=KEY)
    changed = address[: 2 + place] + letter + address[3 + place :]

    assert message_of_return_address(changed, key=KEY) == (message_id if changed == address else None)


@given(st.text(alphabet="+@abz019\x00é", max_size=80))
def test_other_text_is_nobodys(text: str) -> None:
    assert message_of_return_address(text, key=KEY) is None


def test_the_envelope_bears_the_token_and_the_header_does_not(app: Flask) -> None:  # noqa: ARG001
    job = new_job(people(1), provider=new_provider(bounce_address="bounces@example.com"))
    plan = load_plan(db.engine, current_settings(), job.id)
    assert plan is not None

    mail = EmailComposer(plan).compose(job.first_message_id, ADA, "ada@example.com")

    assert mail.envelope_from.startswith("bounces+")
    assert message_of_return_address(mail.envelope_from, key=plan.key) == job.first_message_id
    assert "bounces" not in message_from_string(mail.mime(True).decode())["From"]


def test_without_a_bounce_address_the_envelope_is_the_sender(app: Flask) -> None:  # noqa: ARG001
    job = new_job(people(1))
    plan = load_plan(db.engine, current_settings(), job.id)
    assert plan is not None

    assert EmailComposer(plan).compose(job.first_message_id, ADA, "ada@example.com").envelope_from == plan.from_address
