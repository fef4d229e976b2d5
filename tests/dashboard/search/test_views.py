from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from dashboard.accounts.models import Role, User
from dashboard.audiences.models import AudienceImport
from dashboard.campaigns.services import launch_campaign
from dashboard.extensions import db, transaction
from dashboard.ids import new_id, public_id
from dashboard.search.services import recall
from tests.factories.campaigns import new_campaign, new_desk
from tests.factories.messages import add_message
from tests.statements import recorded

SignIn = Callable[[Role], FlaskClient]


def found(client: FlaskClient, term: str) -> str:
    """Where the search leads."""
    answer = client.post("/search", data={"term": term})
    assert answer.status_code == 303
    return str(answer.location)


def results(client: FlaskClient, term: str) -> str:
    """The page of results."""
    where = found(client, term)
    assert where.startswith("/search?term=")
    return client.get(where).text


def test_an_id_opens_its_page_whatever_stands_around_it(client: FlaskClient) -> None:
    row = add_message()
    for term in (row.public_id, f" {row.public_id.upper()}", f"<{row.public_id}@shop.example>"):
        assert found(client, term) == f"/messages/{row.public_id}"
    assert client.get(f"/messages/{row.public_id}").status_code == 200


def test_the_ids_of_a_desk_open_their_pages(client: FlaskClient) -> None:
    desk = new_desk()
    campaign = new_campaign(desk)
    upload = AudienceImport(id=new_id(), audience_id=desk.audience.id, state="mapping")
    with transaction():
        db.session.add(upload)
    job = launch_campaign(campaign_id=campaign.id, actor_id=None)
    assert found(client, campaign.public_id) == f"/campaigns/{campaign.public_id}"
    assert found(client, job.public_id) == f"/campaigns/{campaign.public_id}/runs/{job.public_id}"
    assert found(client, desk.template.public_id) == f"/templates/{desk.template.public_id}"
    assert found(client, desk.version.public_id) == f"/templates/{desk.template.public_id}"
    assert found(client, desk.audience.public_id) == f"/audiences/{desk.audience.public_id}"
    assert found(client, desk.dataset.public_id) == f"/audiences/{desk.audience.public_id}"
    assert found(client, upload.public_id) == f"/audiences/imports/{upload.public_id}"
    assert found(client, desk.provider.public_id) == f"/providers/{desk.provider.public_id}"
    assert found(client, desk.sender.public_id) == f"/providers/{desk.provider.public_id}"


def test_it_says_how_it_understood_the_term(client: FlaskClient) -> None:
    row = add_message()
    where = found(client, row.public_id)
    assert "Understood as an id (message)." in client.get(where).text


def test_an_id_of_nothing_says_so(client: FlaskClient) -> None:
    assert "There is no message with this id" in results(client, public_id("msg", new_id()))
    assert "is not the beginning of any id" in results(client, public_id("zzz", new_id()))


def test_a_viewer_cannot_reach_users_by_their_id(sign_in: SignIn, make_user: Callable[..., User]) -> None:
    admin = make_user(Role.ADMIN, username="somebody")
    page = results(sign_in(Role.VIEWER), admin.public_id)
    assert "your role may not open its page" in page
    assert "somebody" not in page


def test_an_administrator_reaches_users_by_their_id(client: FlaskClient, make_user: Callable[..., User]) -> None:
    user = make_user(Role.EDITOR, username="somebody")
    assert found(client, user.public_id) == f"/users/{user.public_id}"


@pytest.mark.parametrize(
    ("term", "kept"),
    [("Ada <Ada@Example.com>", "ada@example.com"), ("+49 151 123 456 78", "+4915112345678")],
)
def test_an_address_leads_to_its_messages_without_standing_in_the_url(
    client: FlaskClient, term: str, kept: str
) -> None:
    add_message(recipient=kept)
    add_message(recipient="somebody.else@example.com")
    where = found(client, term)
    assert kept not in where
    assert recall(parse_qs(urlsplit(where).query)["who"][0]) == kept
    page = client.get(where).text
    assert kept in page
    assert "somebody.else" not in page


def test_names_of_every_kind_are_found_and_no_others(client: FlaskClient) -> None:
    desk = new_desk()
    new_campaign(desk, "Spring")
    new_campaign(desk, "Autumn")
    page = results(client, "spring")
    assert ">Spring<" in page  # the campaign
    assert ">Spring sale<" in page  # its template
    assert "Autumn" not in page
    assert "Understood as a name" in page


def test_wild_cards_are_plain_characters(client: FlaskClient) -> None:
    new_campaign(new_desk(), "Spring")
    assert "Nothing found" in results(client, "Spr%")
    assert "Nothing found" in results(client, "S_ring")


def test_archived_ones_say_so(client: FlaskClient) -> None:
    new_campaign(new_desk(), "Winter", state="archived")
    assert "archived</span>" in results(client, "winter")


def test_an_id_of_a_provider_finds_its_message(client: FlaskClient) -> None:
    row = add_message(provider_message_id="4F1B2C93")
    for term in ("4F1B2C93", "250 2.0.0 Ok: queued as 4F1B2C93"):
        assert f"/messages/{row.public_id}" in results(client, term)


def test_digits_may_be_several_things(client: FlaskClient) -> None:
    row = add_message(provider_message_id="015112345678")
    page = results(client, "0151 12345678")
    assert "a phone number without its country" in page
    assert row.public_id not in page  # the provider's id has no space in it
    assert row.public_id in results(client, "015112345678")


def test_nothing_found_offers_the_recipients(client: FlaskClient) -> None:
    add_message(recipient="lovelace@example.com")
    page = results(client, "lovelace")
    assert "Nothing found" in page
    link = re.search(r'href="(/messages/\?who=[^"]+)"', page)
    assert link
    assert "lovelace@example.com" in client.get(unescape(link[1])).text


@pytest.mark.parametrize("term", ["", "   ", "x" * 401])
def test_what_cannot_be_looked_for_is_said(client: FlaskClient, term: str) -> None:
    answer = client.post("/search", data={"term": term})
    assert answer.status_code == 422
    assert "There is a problem" in answer.text


def test_the_page_without_a_term_says_what_can_be_found(client: FlaskClient) -> None:
    assert "What can be found" in client.get("/search").text


def test_an_old_token_asks_to_type_again(client: FlaskClient) -> None:
    assert "This search is no longer kept" in client.get("/search?term=0123456789abcdef0123456789abcdef").text


def test_it_needs_a_signed_in_person(anonymous: FlaskClient) -> None:
    assert anonymous.post("/search", data={"term": "spring"}).location.startswith("/login")
    assert anonymous.get("/search").location.startswith("/login")


def test_the_bar_offers_it_on_every_page(client: FlaskClient) -> None:
    assert 'action="/search"' in client.get("/messages/").text


def test_the_results_take_few_statements(client: FlaskClient) -> None:
    desk = new_desk()
    for number in range(15):
        new_campaign(desk, f"Spring {number}")
    where = found(client, "spring")
    with recorded() as statements:
        page = client.get(where).text
    assert page.count('<th scope="row">') == 11  # ten campaigns, one template
    assert len(statements) <= 12
