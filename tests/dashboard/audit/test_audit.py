"""The audit log: filters, pages, differences, export."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from dashboard.accounts.models import Role, User
from dashboard.audit import queries
from dashboard.audit.models import AuditEntry
from dashboard.extensions import transaction
from tests.factories.audit import add_entry

HTMX = {"HX-Request": "true"}
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def shown(page: str) -> list[str]:
    """The summaries in the list, as they stand."""
    return re.findall(r'<a href="/audit/aud_[^"]+">([^<]+)</a>', page)


@pytest.fixture
def ida(make_user: Callable[..., User]) -> User:
    return make_user(Role.EDITOR, username="ida")


def test_newest_first_with_who_and_what(client: FlaskClient, ida: User) -> None:
    add_entry(summary="First", at=NOON)
    add_entry("campaign.launch", summary="Second", at=NOON + timedelta(hours=1), user_name="ida", user_id=ida.id)
    page = client.get("/audit").text
    assert shown(page) == ["Second", "First"]
    assert "the system" in page
    assert "<option>campaign.launch</option>" in page


@pytest.mark.parametrize(
    ("query", "summaries"),
    [
        ("who=Ida", ["launch"]),
        ("action=user.create", ["made"]),
        ("since=2026-11-21", ["launch"]),
        ("until=2026-11-20", ["made"]),
        ("since=2026-11-20&until=2026-11-21", ["launch", "made"]),
        ("who=nobody", []),
    ],
)
def test_filters(client: FlaskClient, query: str, summaries: list[str]) -> None:
    add_entry("user.create", summary="made", at=NOON)
    add_entry("campaign.launch", summary="launch", at=NOON + timedelta(days=1), user_name="ida")
    answer = client.get(f"/audit?{query}", headers=HTMX)
    assert "<html" not in answer.text
    assert shown(answer.text) == summaries
    if not summaries:
        assert "Nothing matches these filters" in answer.text


def test_one_object_has_its_history(client: FlaskClient, ida: User) -> None:
    add_entry(summary="about ida", object_kind="users", object_id=ida.id)
    add_entry(summary="about another", object_kind="users", object_id=ida.id + 1)
    add_entry(summary="same number, another kind", object_kind="campaigns", object_id=ida.id)
    page = client.get(f"/audit?object={ida.public_id}").text
    assert shown(page) == ["about ida"]
    assert f'href="/users/{ida.public_id}"' in page


def test_days_are_those_of_the_reader(client: FlaskClient, make_user: Callable[..., User]) -> None:
    from sqlalchemy import select

    from dashboard.extensions import db

    add_entry(summary="late in Kolkata", at=datetime(2026, 11, 20, 19, 0, tzinfo=UTC))
    assert shown(client.get("/audit?since=2026-11-21").text) == []
    with transaction():
        db.session.scalars(select(User)).one().time_zone = "Asia/Kolkata"
    assert shown(client.get("/audit?since=2026-11-21").text) == ["late in Kolkata"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=yesterday", "“yesterday” is not a date"),
        ("until=9999-12-31", "is not a date"),
        ("object=cmp_1", "“cmp_1” is not an id"),
        ("object=zzz_0000000000000", "is not an id"),
    ],
)
def test_a_wrong_filter_is_named_and_kept(client: FlaskClient, query: str, words: str) -> None:
    answer = client.get(f"/audit?{query}")
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{query.partition("=")[2]}"' in answer.text
    assert client.get(f"/audit.csv?{query}").status_code == 422


def test_pages_by_keyset(client: FlaskClient) -> None:
    for number in range(120):
        add_entry(summary=f"entry {number}", at=NOON + timedelta(minutes=number))
    seen, address, pages = [], "/audit?action=user.create", 0
    while address:
        page = client.get(address).text
        seen += shown(page)
        pages += 1
        older = re.search(r'id="pager-older" href="([^"]+)"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert pages == 3
    assert seen == [f"entry {number}" for number in reversed(range(120))]
    newer = re.search(r'id="pager-newer" href="([^"]+)"', page)
    assert newer is not None
    back = client.get(newer[1].replace("&amp;", "&")).text
    assert shown(back) == [f"entry {number}" for number in reversed(range(20, 70))]
    assert shown(client.get("/audit?after=nonsense").text)[0] == "entry 119"


def test_an_entry_shows_what_changed(client: FlaskClient, ida: User) -> None:
    entry = add_entry(
        "user.update",
        summary="User ida changed",
        object_kind="users",
        object_id=ida.id,
        before={"role": "editor", "email": "same", "tags": ["a"]},
        after={"role": "<b>sender</b>", "email": "same", "tags": ["a", "b"]},
    )
    page = client.get(f"/audit/{entry.public_id}").text
    assert "<del>editor</del>" in page
    assert "<ins>&lt;b&gt;sender&lt;/b&gt;</ins>" in page
    assert "same" not in page
    assert f"/audit?object={ida.public_id}" in page
    assert client.get("/audit/aud_0000000000000").status_code == 404


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, []),
        (None, {"a": 1}, [("a", "", "1")]),
        ({"a": 1}, None, [("a", "1", "")]),
        ({"a": True, "b": "x"}, {"b": "x", "c": None, "a": False}, [("a", "true", "false")]),
    ],
)
def test_differences(app: object, before: dict | None, after: dict | None, expected: list) -> None:
    assert queries.differences(AuditEntry(action="x", before=before, after=after)) == expected


def test_the_export_holds_every_matching_entry(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_EXPORT_STEP", 10)
    for number in range(25):
        add_entry(summary=f"={number}", at=NOON + timedelta(minutes=number), before={"a": number})
    add_entry("other.action")
    assert 'href="/audit.csv?action=user.create"' in client.get("/audit?action=user.create").text
    answer = client.get("/audit.csv?action=user.create")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [row["summary"] for row in rows] == [f"'={number}" for number in reversed(range(25))]
    assert rows[-1]["at"] == "2026-11-20T12:00:00.000+00:00"
    assert rows[-1]["before"] == '{"a": 0}'


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SENDER])
def test_only_administrators_read_it(sign_in: Callable[..., FlaskClient], role: Role) -> None:
    client = sign_in(role)
    assert client.get("/audit").status_code == 403
    assert client.get("/audit.csv").status_code == 403
