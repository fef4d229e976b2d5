"""Pages of audiences and imports: whole and as fragments, valid and refused, for those who may."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from dashboard.accounts.models import Role
from dashboard.audiences import import_services, services
from dashboard.audiences.models import Audience, AudienceImport, ImportState
from dashboard.campaigns.models import CampaignState
from dashboard.extensions import db, transaction
from tests.brokers import waiting
from tests.dashboard.audiences.test_services import new_campaign
from tests.factories.audiences import check, fresh, load, loaded_audience, map_import, new_audience, new_import
from tests.pages import faults_of_markup, faults_of_page
from worker.imports.checking import Pace, run_check
from worker.imports.loading import run_load

HTMX = {"HX-Request": "true"}
CSV = "email,first_name,phone\na@example.com,Anna,9876543210\nb@example.com,Bo,\nbad,Cleo,\na@example.com,Twin,\n"


def soup(answer: Any) -> BeautifulSoup:
    return BeautifulSoup(answer.data, "html5lib")


def mapping_of(row: AudienceImport, **changes: str) -> dict[str, str]:
    """What the browser sends for the guessed mapping."""
    fields = {"version": str(row.version), "duplicates": "first", "duplicate_by": "email", "mode": "replace"}
    fields["default_country"] = "IN"
    for number, column in enumerate(row.options["mapping"]):
        fields[f"columns-{number}-target"] = column["target"]
        fields[f"columns-{number}-variable"] = column["variable"]
    return fields | {name.replace("__", "-"): value for name, value in changes.items()}


def test_the_list_with_its_filters(client: FlaskClient) -> None:
    assert "No audiences yet" in client.get("/audiences").text
    loaded_audience(CSV, "Customers")
    other = new_audience("Readers")
    services.update_audience(
        audience_id=other.id, name="Readers", description="weekly 100%", tags=["news"], version=None
    )
    services.archive_audience(audience_id=new_audience("Old ones").id)
    names = [th.a.text for th in soup(client.get("/audiences")).select("tbody th")]
    assert names == ["Readers", "Customers"]
    for query, expected in (
        ("q=CUST", ["Customers"]),
        ("q=100%25", ["Readers"]),
        ("q=1_0", []),
        ("tag=news", ["Readers"]),
        ("state=archived", ["Old ones"]),
        ("after=adn_nonsense", ["Readers", "Customers"]),
    ):
        found = [th.a.text for th in soup(client.get(f"/audiences?{query}")).select("tbody th")]
        assert found == expected, query
    fragment = client.get("/audiences?q=cust&tag=", headers=HTMX)
    assert "<html" not in fragment.text
    assert fragment.headers["HX-Push-Url"] == "/audiences?q=cust"


def test_one_audience_shows_columns_records_and_history(client: FlaskClient) -> None:
    audience = loaded_audience(CSV)
    campaign = new_campaign(audience, CampaignState.DRAFT)
    page = soup(client.get(f"/audiences/{audience.public_id}"))
    assert page.h1.text.strip() == "Customers"
    assert [td.text for td in page.select(".records tbody tr:first-child td")] == [
        "a@example.com",
        "Anna",
        "+919876543210",
    ]
    assert page.select_one(f'a[href="/campaigns/{campaign.public_id}"]') is not None
    assert "2 rows, 2 rejected" in page.text


def test_an_audience_without_records_says_the_next_step(client: FlaskClient) -> None:
    audience = new_audience()
    assert "No records yet" in client.get(f"/audiences/{audience.public_id}").text
    assert client.get(f"/audiences/{audience.public_id}/records").status_code == 404


def test_records_in_pages_and_alone(client: FlaskClient) -> None:
    rows = "".join(f"person{n}@example.com,Name{n},\n" for n in range(120))
    audience = loaded_audience(f"email,first_name,city\n{rows}")
    base = f"/audiences/{audience.public_id}/records"
    page = soup(client.get(f"{base}?first=50"))
    assert page.select_one("tbody th").text.strip() == "51"
    assert page.select_one("#pager-older")["href"] == f"{base}?first=100"
    assert page.select_one("#pager-newer")["href"] == base
    assert soup(client.get(f"{base}?first=9999")).select_one("tbody th").text.strip() == "101"
    record = soup(client.get(f"{base}/119"))
    assert "person119@example.com" in record.text
    assert "No value" in record.text
    assert record.select_one("#record-n") is None
    assert client.get(f"{base}/120").status_code == 404


def test_addresses_are_searched_without_standing_in_the_url(client: FlaskClient) -> None:
    audience = loaded_audience(CSV)
    base = f"/audiences/{audience.public_id}/records"
    for term, found in (("A@EXAMPLE.com", 1), ("98765", 1), ("+91 98765-43210", 1), ("nobody", 0), ("%", 0)):
        answer = client.post(f"{base}/find", data={"term": term})
        assert answer.status_code == 303
        assert "example" not in answer.location
        assert len(soup(client.get(answer.location)).select("tbody tr")) == found, term


def test_an_older_version_stays_readable_and_can_return(client: FlaskClient) -> None:
    audience = loaded_audience(CSV)
    old = audience.current_version_id
    load(check(new_import("email\nz@example.com\n", audience), mode="replace"))
    page = soup(client.get(f"/audiences/{audience.public_id}"))
    form = page.select_one('form[action$="/use"]')
    link = page.select_one('a[href*="records?version="]')
    assert "a@example.com" in client.get(link["href"]).text
    assert client.post(form["action"]).status_code == 303
    assert db.session.get_one(Audience, audience.id).current_version_id == old


def test_renaming_in_a_dialog(client: FlaskClient) -> None:
    audience = new_audience()
    new_audience("Taken")
    url = f"/audiences/{audience.public_id}/edit"
    dialog = client.get(url, headers=HTMX)
    assert "<html" not in dialog.text
    assert "dialog-title" in dialog.text
    assert "<html" in client.get(url).text
    fields = {"name": "Taken", "description": "", "tags": "a, b,a", "version": "1"}
    refused = client.post(url, data=fields)
    assert refused.status_code == 422
    assert "name already" in refused.text
    assert client.post(url, data=fields | {"name": ""}).status_code == 422
    assert client.post(url, data=fields | {"name": "Renamed"}).status_code == 303
    assert db.session.get_one(Audience, audience.id).tags == ["a", "b"]
    stale = client.post(url, data=fields | {"name": "Mine"}, headers=HTMX)
    assert stale.status_code == 409
    assert "Renamed" in stale.text
    assert 'value="Mine"' in stale.text


def test_archive_and_back(client: FlaskClient) -> None:
    audience = new_audience()
    assert client.post(f"/audiences/{audience.public_id}/archive").status_code == 303
    assert "Archived" in client.get(f"/audiences/{audience.public_id}").text
    assert client.post(f"/audiences/{audience.public_id}/unarchive").status_code == 303


def test_deleting_asks_for_the_name(client: FlaskClient) -> None:
    audience = loaded_audience(CSV)
    url = f"/audiences/{audience.public_id}/delete"
    assert "2 records in 1 version" in soup(client.get(url)).text
    assert client.post(url, data={"name": "customers"}, headers=HTMX).status_code == 422
    new_campaign(audience, CampaignState.SCHEDULED)
    assert "It is still needed" in client.get(url).text
    assert client.post(url, data={"name": "Customers"}).status_code == 422
    with transaction() as session:
        session.execute(update(Audience).values(name="Customers"))
        from dashboard.campaigns.models import Campaign

        session.execute(update(Campaign).values(state=CampaignState.DRAFT))
    assert client.post(url, data={"name": "Customers"}).location == "/audiences"


def test_the_mapping_page_shows_guesses_and_first_rows(client: FlaskClient) -> None:
    row = new_import("email;Vorname\na@example.com;Jürgen\n".encode("cp1252"))
    page = soup(client.get(f"/audiences/imports/{row.public_id}"))
    assert page.select_one("#encoding option[selected]")["value"] == "cp1252"
    assert page.select_one("#delimiter option[selected]")["value"] == ";"
    assert "Jürgen" in page.text
    assert page.select_one("#columns-1-variable")["value"] == "vorname"
    assert "available in templates" in page.text


def test_reading_differently_shows_the_rows_anew(client: FlaskClient) -> None:
    row = new_import("email;name\na@example.com;Anna\n")
    fields = {"encoding": "utf-8", "delimiter": ",", "quote": '"', "header_row": "0", "version": str(row.version)}
    answer = client.post(f"/audiences/imports/{row.public_id}/dialect", data=fields, headers=HTMX)
    assert answer.status_code == 200
    page = soup(answer)
    assert [th.text for th in page.select("table")[0].select("th")] == ["Column 1"]
    assert "There is only one column" in page.text
    wrong = client.post(f"/audiences/imports/{row.public_id}/dialect", data=fields | {"encoding": "ebcdic"})
    assert wrong.status_code == 422
    stale = client.post(f"/audiences/imports/{row.public_id}/dialect", data=fields)
    assert stale.status_code == 303
    assert "Somebody else changed this import" in client.get(stale.location).text


def test_a_wrong_mapping_is_shown_at_its_columns(client: FlaskClient) -> None:
    row = new_import(CSV)
    url = f"/audiences/imports/{row.public_id}/check"
    fields = mapping_of(row, **{"columns-2-target": "email", "columns-1-variable": "not a name"})
    answer = client.post(url, data=fields, headers=HTMX)
    assert answer.status_code == 422
    page = soup(answer)
    assert [a["href"] for a in page.select(".error-summary a")] == ["#columns-1-variable", "#columns-2-target"]
    assert page.select_one("#columns-1-variable")["value"] == "not a name"
    none = client.post(url, data=mapping_of(row, **{"columns-0-target": "ignore", "columns-2-target": "ignore"}))
    assert none.status_code == 422
    assert "No column holds an address" in none.text
    assert fresh(row.id).state == ImportState.MAPPING


def test_from_mapping_to_loaded_without_javascript(client: FlaskClient) -> None:
    row = new_import(CSV)
    base = f"/audiences/imports/{row.public_id}"
    assert client.post(f"{base}/check", data=mapping_of(row)).location == base
    assert waiting("imports")[-1] == ("check_import", (row.id,))
    working = client.get(base)
    assert "every 1s" in working.text
    assert "Refresh" in working.text
    run_check(row.id)
    fresh(row.id)
    report = soup(client.get(base, headers=HTMX))
    assert report.select_one("[hx-trigger^=every]") is None
    assert [tile.text for tile in report.select(".stat-value")] == ["4", "2", "2"]
    assert {group["data-code"] for group in report.select(".reject-group")} == {"email_invalid", "duplicate_in_file"}
    rejects = client.get(f"{base}/rejects.csv")
    rows = list(csv.reader(io.StringIO(rejects.data.decode("utf-8-sig"))))
    assert [r[0] for r in rows] == ["email", "bad", "a@example.com"]
    assert "rejects of people.csv" in rejects.headers["Content-Disposition"]
    assert client.post(f"{base}/load").location == base
    assert waiting("imports")[-1] == ("load_import", (row.id,))
    run_load(row.id)
    fresh(row.id)
    done = client.get(base)
    assert "2 rows are loaded" in done.text
    assert "every" not in str(soup(done).select_one("#import").attrs)


def test_a_working_import_polls_a_small_fragment(client: FlaskClient) -> None:
    row = map_import(new_import("email\n" + "".join(f"p{n}@example.com\n" for n in range(2000))))
    run_check(row.id, Pace(slice_seconds=0, checkpoint_seconds=0, block_bytes=8000))
    fragment = client.get(f"/audiences/imports/{row.public_id}", headers=HTMX)
    assert "<html" not in fragment.text
    assert len(fragment.data) < 4000
    bar = soup(fragment).select_one("progress")
    assert 0 < int(bar["value"]) < int(bar["max"])
    assert "Waiting for a worker" in fragment.text


def test_back_to_the_columns_again_and_cancelled(client: FlaskClient) -> None:
    row = check(new_import(CSV))
    base = f"/audiences/imports/{row.public_id}"
    client.post(f"{base}/reopen")
    assert fresh(row.id).state == ImportState.MAPPING
    client.post(f"{base}/check", data=mapping_of(fresh(row.id)))
    dialog = client.get(f"{base}/cancel", headers=HTMX)
    assert "deleted" in dialog.text
    assert client.post(f"{base}/cancel").location == f"/audiences/{fresh_audience(row)}"
    assert "This import was cancelled" in client.get(base).text
    assert client.post(f"{base}/cancel").status_code == 303
    assert client.get(f"{base}/rejects.csv").status_code == 404


def fresh_audience(row: AudienceImport) -> str:
    return db.session.get_one(Audience, row.audience_id).public_id


def test_refusals_of_a_load_come_back_as_words(client: FlaskClient) -> None:
    audience = new_audience()
    first, second = check(new_import(CSV, audience)), check(new_import(CSV, audience))
    client.post(f"/audiences/imports/{first.public_id}/load")
    answer = client.post(f"/audiences/imports/{second.public_id}/load", follow_redirects=True)
    assert "Another import of this audience is being loaded" in answer.text


def test_the_same_file_is_pointed_out(client: FlaskClient) -> None:
    audience = loaded_audience(CSV)
    row = check(new_import(CSV, audience), mode="replace")
    assert "This very file was loaded before" in client.get(f"/audiences/imports/{row.public_id}").text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04", "Excel workbook"),
        (b"email,name\n", "There are no rows below the column names"),
        (b"a,b\nx,y\n", "What the columns are for"),
    ],
)
def test_odd_files_have_pages_too(client: FlaskClient, content: bytes, words: str) -> None:
    row = new_import(content)
    assert words in client.get(f"/audiences/imports/{row.public_id}").text


def test_a_failed_import_offers_what_helps(client: FlaskClient) -> None:
    row = import_services.create_import(
        audience_id=new_audience().id, source="url", url="https://example.com/people.csv"
    )
    assert "Waiting for a worker" in client.get(f"/audiences/imports/{row.public_id}").text
    with transaction():
        failed = import_services.get_import(row.id)
        failed.state, failed.problem = ImportState.FAILED, "The server took too long."
    page = soup(client.get(f"/audiences/imports/{row.public_id}"))
    assert "The server took too long." in page.text
    answer = client.post(page.select_one('form[action$="/fetch-again"]')["action"])
    assert answer.location != f"/audiences/imports/{row.public_id}"


def test_a_hostile_file_is_shown_as_text(client: FlaskClient) -> None:
    content = 'email,"<script>alert(1)</script>"\na@example.com,"<img src=x onerror=alert(2)>"\n'
    row = new_import(content)
    page = client.get(f"/audiences/imports/{row.public_id}").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    audience = load(check(row)).audience_id
    shown = client.get(f"/audiences/{db.session.get_one(Audience, audience).public_id}").text
    assert "<img src=x" not in shown


def test_the_sample_file_loads_as_it_is(client: FlaskClient) -> None:
    row = check(new_import(client.get("/audiences/sample.csv").data))
    assert (row.report["to_load"], row.report["rejected"]) == (3, 0)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/audiences/new"),
        ("post", "/audiences/new"),
        ("post", "/audiences/start"),
        ("get", "/audiences/{adn}/edit"),
        ("post", "/audiences/{adn}/edit"),
        ("post", "/audiences/{adn}/archive"),
        ("get", "/audiences/{adn}/delete"),
        ("post", "/audiences/{adn}/delete"),
        ("get", "/audiences/{adn}/imports/new"),
        ("post", "/audiences/imports/{imp}/dialect"),
        ("post", "/audiences/imports/{imp}/check"),
        ("post", "/audiences/imports/{imp}/load"),
        ("post", "/audiences/imports/{imp}/cancel"),
    ],
)
def test_viewers_look_and_do_not_touch(app: Flask, sign_in: Any, method: str, path: str) -> None:
    row = new_import(CSV)
    viewer = sign_in(Role.VIEWER)
    path = path.format(adn=fresh_audience(row), imp=row.public_id)
    assert getattr(viewer, method)(path).status_code == 403


def test_viewers_see_pages_without_buttons(app: Flask, sign_in: Any) -> None:
    row = new_import(CSV)
    viewer = sign_in(Role.VIEWER)
    page = soup(viewer.get(f"/audiences/imports/{row.public_id}"))
    assert page.select_one("#mapping button") is None
    assert page.select_one("#encoding").has_attr("disabled")
    assert soup(viewer.get(f"/audiences/{fresh_audience(row)}")).select_one("#audience-menu") is None


def test_every_state_of_an_import_is_a_clean_page_and_fragment(client: FlaskClient) -> None:
    audience = new_audience()
    rows = [new_import(CSV, audience), check(new_import(CSV, audience)), map_import(new_import(CSV, audience))]
    rows += [load(check(new_import(CSV, audience))), new_import(b"", audience)]
    rows.append(import_services.create_import(audience_id=audience.id, source="upload", filename="x.csv", size=9))
    rows.append(import_services.create_import(audience_id=audience.id, source="url", url="https://example.com/x.csv"))
    waiting_load = check(new_import(CSV, audience))
    import_services.start_load(import_id=waiting_load.id)
    rows.append(waiting_load)
    addresses = [f"/audiences/imports/{row.public_id}" for row in rows]
    addresses += [f"/audiences/{audience.public_id}{rest}" for rest in ("", "/records", "/records/0", "/imports/new")]
    addresses += [f"/audiences/new?source={source}" for source in ("upload", "paste", "url")]
    for address in addresses:
        whole, fragment = client.get(address), client.get(address, headers=HTMX)
        page = BeautifulSoup(whole.text, "html.parser")
        assert list(faults_of_page(page)) + list(faults_of_markup(page)) == [], address
        part = BeautifulSoup(fragment.text, "html.parser")
        assert list(faults_of_markup(part)) == [], address
        ids = {tag["id"] for tag in part.select("[id]")}
        assert ids <= {tag["id"] for tag in page.select("[id]")}, address


@pytest.mark.parametrize("path", ["/audiences/adn_0000000000000", "/audiences/imports/imp_0000000000000"])
def test_what_is_not_there_is_said(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_how_many_records_have_a_push_token(client: FlaskClient) -> None:
    rows = [("ada@example.com", "token-1"), ("bo@example.com", "token-2"), ("cy@example.com", "")]
    audience = services.load_rows(audience_name="Phones", header=("email", "push_token"), rows=rows)
    page = client.get(f"/audiences/{audience.public_id}").text
    assert "With a push token" in page
    assert "66.7" in page
    assert 'title="2 push tokens"' in client.get("/audiences").text
    plain = services.load_rows(audience_name="No phones", header=("email",), rows=[("ada@example.com",)])
    assert "With a push token" not in client.get(f"/audiences/{plain.public_id}").text
