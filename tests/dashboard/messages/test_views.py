from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from dashboard.accounts.models import Role
from dashboard.extensions import db, utc_now
from dashboard.ids import id_at, new_id, public_id
from dashboard.messages.models import MessageState
from dashboard.suppressions.services import suppress
from tests.factories.messages import add_message, add_messages
from tests.factories.sending import new_job, people

SignIn = Callable[[Role], FlaskClient]
HTMX = {"HX-Request": "true"}


def rows_of(page: str) -> int:
    return page.count('<th scope="row">')


def test_an_empty_ledger_says_where_to_begin(client: FlaskClient) -> None:
    assert "Nothing has been sent yet" in client.get("/messages/").text


def test_nothing_in_this_time_offers_the_last_one(client: FlaskClient) -> None:
    add_message(id=id_at(utc_now() - timedelta(days=60)))
    assert "Nothing in this time" in client.get("/messages/").text
    assert rows_of(client.get("/messages/?range=all").text) == 1


def test_nothing_matches_offers_each_filter_away(client: FlaskClient) -> None:
    add_message()
    page = client.get("/messages/?state=bounced&channel=email").text
    assert "Nothing matches these filters" in page
    assert 'href="/messages/?channel=email"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", 5), ("channel=email", 4), ("channel=sms", 1), ("state=success", 2), ("state=error", 2),
        ("state=suppressed", 1), ("state=failed", 1), ("code=550", 1), ("tests=1", 6), ("channel=sms&state=error", 0),
        ("channel=push", 0), ("channel=email-sms", 5), ("channel=email-push", 5),
        ("range=24h", 4), ("state=nonsense", 5), ("job=nonsense", 5), ("to=9999-12-31", 5), ("from=0001-01-01", 5),
    ],
)  # fmt: skip
def test_each_filter_alone_and_together(client: FlaskClient, query: str, expected: int) -> None:
    add_message(state=MessageState.SENT)
    add_message(state=MessageState.DELIVERED, channel="sms", recipient="+4915112345678")
    add_message(state=MessageState.FAILED, code="550")
    add_message(state=MessageState.UNKNOWN, id=id_at(utc_now() - timedelta(days=3)))
    add_message(state=MessageState.SUPPRESSED)
    add_message(state=MessageState.SENT, is_test=True)
    page = client.get(f"/messages/?{query}").text
    assert rows_of(page) == expected


def test_a_notification_is_found_by_its_type(client: FlaskClient) -> None:
    add_message(state=MessageState.SENT)
    add_message(state=MessageState.SENT, channel="sms", recipient="+4915112345678")
    add_message(state=MessageState.SENT, channel="push", recipient="Device:Ab-1")
    counts = {chosen: rows_of(client.get(f"/messages/?channel={chosen}").text) for chosen in ("", "push", "email-sms")}
    assert counts == {"": 3, "push": 1, "email-sms": 2}
    page = client.get("/messages/?channel=push").text
    assert '<option value="push" selected>Push</option>' in page
    assert "Email and SMS" in page


def test_objects_and_days(client: FlaskClient) -> None:
    job, campaign = new_job(people(2)), new_id()
    add_message(id=job.first_message_id + 1, job_id=job.id, record_no=1, campaign_id=campaign)
    add_message(id=job.first_message_id + 2)
    assert rows_of(client.get(f"/messages/?job={job.public_id}").text) == 1
    assert rows_of(client.get(f"/messages/?job={public_id('run', new_id())}").text) == 0
    assert rows_of(client.get(f"/messages/?campaign={public_id('cmp', campaign)}").text) == 1
    today, tomorrow = utc_now().date(), (utc_now() + timedelta(days=1)).date()
    assert rows_of(client.get(f"/messages/?from={today}&to={today}").text) == 2
    assert rows_of(client.get(f"/messages/?from={tomorrow}").text) == 0


def test_an_address_is_found_without_standing_in_the_url(client: FlaskClient) -> None:
    add_message(recipient="ada@example.com")
    add_message(recipient="grace@example.com")
    where = client.post("/messages/find", data={"address": "ADA@"}).location
    assert "ada" not in where.lower().replace("/messages", "")
    page = client.get(where).text
    assert rows_of(page) == 1
    assert "ada@example.com" in page


def test_pages_hold_every_row_once(client: FlaskClient) -> None:
    add_messages(130)
    seen: list[str] = []
    url = "/messages/"
    while url:
        page = client.get(url).text
        seen += [part.split('"')[0] for part in page.split('<th scope="row"><a href="/messages/')[1:]]
        url = (
            page.split('id="pager-older" href="')[1].split('"')[0].replace("&amp;", "&")
            if "pager-older" in page
            else ""
        )
    assert len(seen) == len(set(seen)) == 130
    assert seen == sorted(seen, reverse=True)


def test_a_page_costs_few_statements_whatever_the_size(client: FlaskClient) -> None:
    add_messages(20_000)
    statements: list[str] = []
    record = lambda _c, _cursor, statement, *_rest: statements.append(statement)  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", record)
    page = client.get("/messages/?state=success").text
    event.remove(db.engine, "before_cursor_execute", record)
    assert "10 000+" in page
    assert len([text for text in statements if text.lstrip().startswith("SELECT")]) <= 14
    assert not [text for text in statements if "count(" in text.lower() and "limit" not in text.lower()]


def test_the_export_is_what_the_list_shows(client: FlaskClient) -> None:
    add_message(recipient="+4915112345678", channel="sms", detail="=cmd|' /C calc'!A0", code="550", state="failed")
    add_message(recipient="ada@example.com", state="sent")
    answer = client.get("/messages/export.csv?state=error")
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert [row["recipient"] for row in rows] == ["+4915112345678"]
    assert rows[0]["detail"] == "'=cmd|' /C calc'!A0"
    assert rows[0]["channel"] == "sms"


def test_an_export_longer_than_its_batches_is_whole(client: FlaskClient) -> None:
    add_messages(4500)
    answer = client.get("/messages/export.csv?range=all")
    assert len(answer.text.strip().splitlines()) == 4501


def test_viewers_see_masked_addresses_and_export_nothing(sign_in: SignIn) -> None:
    message = add_message(recipient="ada@example.com")
    viewer = sign_in(Role.VIEWER)
    for page in ("/messages/", f"/messages/{message.public_id}"):
        text = viewer.get(page).text
        assert "a***@example.com" in text
        assert "ada@example.com" not in text
    assert viewer.get("/messages/export.csv").status_code == 403


def test_fragment_title_and_canonical_address(client: FlaskClient) -> None:
    add_message()
    answer = client.get("/messages/?state=sent&channel=&range=24h", headers=HTMX)
    assert "<html" not in answer.text
    assert "<title>Messages" in answer.text
    assert 'id="results"' in answer.text
    assert 'hx-swap-oob="true"' in answer.text
    assert answer.headers["HX-Push-Url"] == "/messages/?range=24h&state=sent"


def test_an_unknown_message_is_said_in_words(client: FlaskClient) -> None:
    answer = client.get(f"/messages/{public_id('msg', 5)}")
    assert answer.status_code == 404
    assert "no message with this id" in answer.text


@pytest.mark.parametrize("state", list(MessageState))
def test_every_state_has_a_page_with_a_sentence(client: FlaskClient, state: MessageState) -> None:
    message = add_message(state=state, handed_over_at=utc_now(), detail="words of the provider")
    page = client.get(f"/messages/{message.public_id}")
    assert page.status_code == 200
    assert "words of the provider" in page.text  # in the facts, whatever the state


def test_resending_is_refused_with_the_reason(app: Flask, client: FlaskClient, sign_in: SignIn) -> None:
    message = add_message(state=MessageState.SENDING)
    url = f"/messages/{message.public_id}/resend"
    assert sign_in(Role.EDITOR).post(url).status_code == 403
    assert client.get(url, headers=HTMX).status_code == 200
    assert client.post(url).status_code == 404  # its job is not there
    suppress(address="ada@example.com")
