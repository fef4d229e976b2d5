from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from flask.testing import FlaskClient

from dashboard.accounts.models import Role, User
from dashboard.events.services import Names, create_event
from dashboard.extensions import db, transaction
from dashboard.reports.pages import QUESTIONS
from tests.factories.campaigns import Desk, new_desk, new_provider, new_template
from tests.factories.reports import add_run
from tests.statements import recorded

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true", "HX-Target": "results"}
MIXED = [("sent", ""), ("delivered", ""), ("failed", "550"), ("suppressed", "suppressed")]


@pytest.fixture(autouse=True)
def today() -> object:
    with time_machine.travel(NOW, tick=True):
        yield


def rows_of(client: FlaskClient, name: str, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/reports/{name}.csv?{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_the_front_page_is_the_question_by_day(client: FlaskClient) -> None:
    add_run(new_desk(4), MIXED, at=NOW - timedelta(hours=1))
    assert "How did it go, day by day?" in client.get("/reports").text
    assert "How did it go, day by day?" in client.get("/reports/days").text


def test_every_question_says_what_to_do_when_nothing_was_sent(client: FlaskClient) -> None:
    for name in QUESTIONS:
        page = client.get(f"/reports/{name}").text
        assert "Nothing was sent on these days" in page
        assert "Last 90 days" in page


def test_days_hold_their_own_messages_and_quiet_ones_are_zero(client: FlaskClient) -> None:
    desk = new_desk(4)
    add_run(desk, [("sent", "")], at=NOW - timedelta(days=9), name="Too old")
    add_run(desk, MIXED, at=NOW - timedelta(days=2), name="Two days ago")
    add_run(desk, [("sent", ""), ("bounced", "5.1.1")], at=NOW - timedelta(hours=1), name="Today")
    lines = {line["day"]: line for line in rows_of(client, "days")}
    assert list(lines) == [f"2026-11-{day}" for day in range(18, 25)]
    assert (lines["2026-11-22"]["success"], lines["2026-11-22"]["errors"], lines["2026-11-22"]["suppressed"]) == (
        "2", "1", "1",
    )  # fmt: skip
    assert (lines["2026-11-24"]["success"], lines["2026-11-24"]["bounced"]) == ("1", "1")
    assert lines["2026-11-24"]["success_rate"] == "0.500000"
    assert lines["2026-11-20"]["recipients"] == "0"
    assert lines["2026-11-20"]["success_rate"] == ""


def test_a_day_begins_at_midnight_of_the_person(client: FlaskClient) -> None:
    with transaction():
        db.session.query(User).one().time_zone = "Asia/Kathmandu"  # UTC+5:45
    add_run(new_desk(1), [("sent", "")], at=datetime(2026, 11, 22, 18, 20, tzinfo=UTC))
    sent = {line["day"]: line["success"] for line in rows_of(client, "days")}
    assert sent["2026-11-23"] == "1"
    assert sent["2026-11-22"] == "0"


def test_states_add_up_to_the_recipients(client: FlaskClient) -> None:
    add_run(new_desk(4), MIXED, at=NOW - timedelta(hours=1))
    (line,) = rows_of(client, "templates")
    states = [
        "suppressed", "queued", "held", "sending", "sent", "delivered", "bounced", "complained", "expired", "failed",
        "unknown", "cancelled",
    ]  # fmt: skip
    assert sum(int(line[state]) for state in states) == int(line["recipients"]) == 4


def test_tests_are_left_out(client: FlaskClient) -> None:
    add_run(new_desk(1), [("failed", "550")], at=NOW - timedelta(hours=1), is_test=True)
    assert "Nothing was sent on these days" in client.get("/reports/days").text
    assert rows_of(client, "reasons") == []


def second(desk: Desk) -> Desk:
    """Another template and provider over the same audience."""
    template, provider = new_template("Order shipped"), new_provider("Mailhost", default_for=())
    return replace(desk, template=template, provider=provider)


def test_groups_are_told_apart_and_lead_to_their_pages(client: FlaskClient) -> None:
    desk = new_desk(4)
    add_run(desk, MIXED, at=NOW - timedelta(hours=3), name="Spring")
    add_run(second(desk), [("sent", "")], at=NOW - timedelta(hours=2), name="Shipping")
    assert {line["campaign"]: line["success"] for line in rows_of(client, "campaigns")} == {
        "Spring": "2",
        "Shipping": "1",
    }
    assert {line["template"]: line["success"] for line in rows_of(client, "templates")} == {
        "Spring sale": "2", "Order shipped": "1",
    }  # fmt: skip
    assert [line["provider"] for line in rows_of(client, "providers")] == ["Sandbox"]
    assert f'href="/templates/{desk.template.public_id}"' in client.get("/reports/templates").text


def test_runs_without_a_campaign_are_one_line_without_links(client: FlaskClient) -> None:
    job = add_run(new_desk(4), MIXED, at=NOW - timedelta(hours=1))
    with transaction():
        job.campaign_id = None
    page = client.get("/reports/campaigns").text
    assert "Without a campaign" in page
    assert "campaign=" not in page.split("<tbody>")[1]
    assert rows_of(client, "campaigns")[0]["id"] == ""


@pytest.mark.parametrize(
    ("sort", "first"),
    [("success", "Order shipped"), ("-success", "Spring sale"), ("errors", "Spring sale"), ("-errors", "Order shipped"),
     ("rate", "Order shipped"), ("-rate", "Spring sale"), ("recipients", "Order shipped"),
     ("-recipients", "Order shipped"), ("nonsense", "Order shipped")],
)  # fmt: skip
def test_groups_can_be_sorted_by_each_number(client: FlaskClient, sort: str, first: str) -> None:
    desk = new_desk(4)
    add_run(desk, [("sent", "")] * 4, at=NOW - timedelta(hours=3))
    add_run(second(desk), [("failed", "550")], at=NOW - timedelta(hours=2))
    page = client.get(f"/reports/templates?sort={sort}").text
    names = re.findall(r'<th scope="row"><a [^>]*>([^<]*)</a>', page)
    assert sorted(names) == ["Order shipped", "Spring sale"]
    assert names[0] == first
    assert page.count('aria-sort="') == 1


def test_reasons_are_grouped_with_the_newest_example(client: FlaskClient) -> None:
    job = add_run(
        new_desk(5),
        [("failed", "550"), ("failed", "550"), ("bounced", "550"), ("unknown", ""), ("sent", "")],
        at=NOW - timedelta(hours=1),
    )
    lines = rows_of(client, "reasons")
    assert [(line["state"], line["code"], line["messages"]) for line in lines] == [
        ("failed", "550", "2"), ("bounced", "550", "1"), ("unknown", "", "1"),
    ]  # fmt: skip
    page = client.get("/reports/reasons").text
    assert "the server said 550" in page
    assert "No code" in page
    assert job.campaign_id


def test_nothing_failed_says_so(client: FlaskClient) -> None:
    add_run(new_desk(1), [("sent", "")], at=NOW - timedelta(hours=1))
    assert "Nothing failed" in client.get("/reports/reasons").text


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_every_number_leads_to_as_many_messages(client: FlaskClient, name: str) -> None:
    desk = new_desk(6)
    events = [create_event(names=Names(slug, slug)).id if name == "events" else None for slug in ("paid", "sent")]
    add_run(desk, [("failed", "550")], at=NOW - timedelta(days=8), name="Older")
    seen = [*MIXED, ("failed", "550"), ("sent", "")]
    add_run(desk, seen, at=NOW - timedelta(days=3), name="Spring", event_id=events[0])
    late = [("bounced", "5.1.1"), ("sent", "")]
    add_run(second(desk), late, at=NOW - timedelta(hours=2), name="Shipping", event_id=events[1])
    page = client.get(f"/reports/{name}").text
    links = re.findall(r'<a (?:class="stat" )?href="(/messages/\?[^"]+)"[^>]*>(.*?)</a>', page, re.DOTALL)
    checked = 0
    for url, words in links:
        number = re.search(r"(?:^|stat-value\">)(\d+)(?:$|<)", words.strip())
        if number:
            assert client.get(unescape(url)).text.count('<th scope="row">') == int(number[1]), url
            checked += 1
    assert checked >= 4


def test_filters_narrow_every_question(client: FlaskClient) -> None:
    desk = new_desk(4)
    other = second(desk)
    add_run(desk, MIXED, at=NOW - timedelta(hours=3))
    add_run(other, [("failed", "451")], at=NOW - timedelta(hours=2))
    query = f"template={other.template.public_id}"
    assert [line["code"] for line in rows_of(client, "reasons", query)] == ["451"]
    assert [line["template"] for line in rows_of(client, "templates", query)] == ["Order shipped"]
    assert rows_of(client, "days", "channel=sms")[-1]["recipients"] == "0"
    everything = rows_of(client, "days", "")[-1]["recipients"]
    assert everything != "0"
    assert rows_of(client, "days", "channel=email-sms")[-1]["recipients"] == everything
    page = client.get(f"/reports/days?{query}").text
    assert f'<option value="{other.template.public_id}" selected>' in page


def test_the_summary_compares_with_the_days_before(client: FlaskClient) -> None:
    desk = new_desk(4)
    add_run(desk, [("sent", ""), ("sent", ""), ("failed", "550"), ("failed", "550")], at=NOW - timedelta(days=8))
    add_run(desk, [("sent", ""), ("sent", ""), ("sent", ""), ("failed", "550")], at=NOW - timedelta(hours=1), name="B")
    page = client.get("/reports/days").text
    assert "+50 % against the 7 days before" in page
    assert "−50 % against the 7 days before" in page
    assert "+25.0 points against the 7 days before" in page


def test_a_fragment_brings_the_results_and_the_address(client: FlaskClient) -> None:
    answer = client.get("/reports/days?range=7d&from=2026-11-18&to=2026-11-24&channel=email", headers=HTMX)
    assert answer.text.startswith("<title>Reports · Carillon</title>")
    assert '<section id="results"' in answer.text
    assert "<!doctype" not in answer.text
    assert answer.headers["HX-Push-Url"] == "/reports/days?channel=email&range=7d"


def test_tabs_and_export_keep_the_filters(client: FlaskClient) -> None:
    page = unescape(client.get("/reports/days?from=2026-11-02&to=2026-11-05&channel=email").text)
    assert 'href="/reports/reasons?channel=email&from=2026-11-02&to=2026-11-05"' in page
    assert 'href="/reports/days.csv?channel=email&from=2026-11-02&to=2026-11-05"' in page


def test_days_that_had_to_be_changed_are_told(client: FlaskClient) -> None:
    assert "have been swapped" in client.get("/reports/days?from=2026-11-05&to=2026-11-02").text


def test_the_chart_has_a_column_for_each_day_and_words(client: FlaskClient) -> None:
    add_run(new_desk(4), MIXED, at=NOW - timedelta(hours=1))
    page = client.get("/reports/days?range=30d").text
    assert page.count("<g><title>") == 30
    assert "2026-11-24: 2 success, 1 errors, 1 suppressed" in page
    assert 'aria-label="Messages by day: 2 success, 1 errors, at most 4 on one day' in page


def test_the_file_is_named_after_question_and_days(client: FlaskClient) -> None:
    header = client.get("/reports/providers.csv").headers["Content-Disposition"]
    assert "providers-2026-11-18-2026-11-24.csv" in header


def test_names_that_look_like_formulas_are_made_harmless(client: FlaskClient) -> None:
    add_run(new_desk(1), [("sent", "")], at=NOW - timedelta(hours=1), name="=1+1")
    assert rows_of(client, "campaigns")[0]["campaign"] == "'=1+1"


@pytest.mark.parametrize("path", ["/reports/nonsense", "/reports/nonsense.csv"])
def test_an_unknown_question_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/reports", "/reports/reasons", "/reports/days.csv"])
def test_it_needs_a_signed_in_person(anonymous: FlaskClient, path: str) -> None:
    assert anonymous.get(path).location.startswith("/login")


def test_a_viewer_may_read_and_export(sign_in: Callable[[Role], FlaskClient]) -> None:
    viewer = sign_in(Role.VIEWER)
    assert viewer.get("/reports").status_code == 200
    assert viewer.get("/reports/days.csv").status_code == 200


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_a_report_takes_few_statements_and_never_reads_message_by_message(client: FlaskClient, name: str) -> None:
    desk = new_desk(4)
    for number in range(5):
        add_run(desk, MIXED, at=NOW - timedelta(hours=12 - number), name=f"Run {number}")
    with recorded() as statements:
        assert client.get(f"/reports/{name}").status_code == 200
    assert len(statements) <= 12
    on_ledger = [text for text in statements if "FROM messages" in text]
    assert len(on_ledger) == (2 if name == "reasons" else 0)


def test_the_curl_call_asks_what_the_page_shows(client: FlaskClient) -> None:
    provider = new_desk(4).provider.public_id
    page = unescape(client.get(f"/reports/days?range=7d&channel=email&provider={provider}").text)
    asked = f"/api/v1/reports/days?channel=email&from=2026-11-18&provider={provider}&to=2026-11-24"
    assert asked in page
