"""A walk through the desk with real work in it: every link that a page shows is followed, and every page looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard.accounts.models import Role
from dashboard.demo import services as demo
from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.providers.models import Provider
from tests.pages import faults_of_markup, faults_of_page, own_links, walk
from worker.engine.deliver import work

pytestmark = pytest.mark.sqlite_only
PEOPLE = 30


@pytest.fixture
def worked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The demonstration with thirty people, sent into the sandbox."""
    everybody = list(demo.people())
    monkeypatch.setattr(demo, "people", lambda: iter(everybody[:PEOPLE]))
    assert demo.fill_in_demonstration()
    with transaction():
        db.session.execute(update(Provider).values(rate_per_second=0))
    work(db.session.scalars(select(Job.id)).one())
    db.session.rollback()
    return app


def faults_of(response: TestResponse) -> Iterator[str]:
    if response.status_code != 200:
        yield f"status {response.status_code}"
    if response.mimetype != "text/html" or response.headers["Content-Security-Policy"].startswith("sandbox"):
        return  # a download, or a document that recipients see
    page = BeautifulSoup(response.text, "html.parser")
    yield from faults_of_markup(page)
    if page.find("html"):
        yield from faults_of_page(page)


def faults_of_fragment(client: FlaskClient, address: str) -> Iterator[str]:
    response = client.get(address, headers={"HX-Request": "true"})
    if response.mimetype != "text/html" or response.headers["Content-Security-Policy"].startswith("sandbox"):
        return
    if "<html" in response.text:
        yield "a page in a fragment"
    yield from (f"{fault} in the fragment" for fault in faults_of_markup(BeautifulSoup(response.text, "html.parser")))


def personal_links(response: TestResponse) -> Iterator[str]:
    """Addresses of recipients in a URL would stand in histories, logs and referrers."""
    for _method, target in own_links(BeautifulSoup(response.text, "html.parser")):
        if "@" in urlsplit(target).path + urlsplit(target).query or "%40" in target:
            yield f"{target} holds an address"


def test_everything_that_can_be_reached_is_whole_and_clean(worked: Flask, client: FlaskClient) -> None:
    faults, endpoints = [], set()
    for endpoint, address, response in walk(worked, client):
        endpoints.add(endpoint)
        found = [*faults_of(response), *faults_of_fragment(client, address), *personal_links(response)]
        faults += [f"{address}: {fault}" for fault in found]
    assert faults == []
    assert {
        "campaigns.show",
        "messages.show",
        "templates.show",
        "audiences.show",
        "users.show",
        "audit.show",
    } <= endpoints


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.SENDER])
def test_no_role_meets_a_closed_door(worked: Flask, sign_in: Callable[..., FlaskClient], role: Role) -> None:
    """Whatever a page links to, its reader may open; writes are looked at by their forms in test_routes."""
    answers = walk(worked, sign_in(role))
    assert [address for _endpoint, address, response in answers if response.status_code == 403] == []
