"""Rules that every route keeps, looked for on the whole URL map: a new page is held to them without another test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask, url_for
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from dashboard.accounts.models import PERMISSIONS, Role
from dashboard.security import CONTENT_SECURITY_POLICY
from tests.pages import below, endpoint_of, faults_of_markup, faults_of_page, ids_of, own_links, permission_of

#: Routes are the same on every database, and these tests ask each of them many times.
pytestmark = pytest.mark.sqlite_only

HTMX = {"HX-Request": "true"}
#: Whoever adds a view without sign-in has to say so here.
PUBLIC = {
    "accounts.login",
    "accounts.sign_in",
    "accounts.second_step.show",
    "accounts.second_step.check",
    "accounts.second_step.recovery",
    "accounts.second_step.use_recovery_code",
    "accounts.reauth.sign_in",
    "accounts.reauth.check_code",
    "api.openapi",
    "appearance.update",
    "public.show",
    "public.unsubscribe",
    "public.undo",
    "system.healthz",
    "system.metrics",
    "webhooks.called",
    "webhooks.posted",
}
#: Mail programs (RFC 8058), recipients and vendors post here, signed in nowhere: the token in the address counts.
FROM_ELSEWHERE = {"public.unsubscribe", "public.undo", "webhooks.posted"}


def rules(app: Flask, method: str) -> Iterator[Rule]:
    """Every rule of the desk that answers the method; those for applications have tests of their own."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static" and not for_applications(rule) and method in (rule.methods or ()):
            yield rule


def for_applications(rule: Rule) -> bool:
    return rule.rule.startswith("/api/v1/")


def address(app: Flask, rule: Rule) -> str:
    """The rule's URL, with values that fit its converters and name nothing that exists."""
    examples: dict[str, Any] = {"ColumnNumberConverter": 1, "PublicIdConverter": 987_654_321}
    values = {name: examples.get(type(rule._converters[name]).__name__, "bulk") for name in rule.arguments}
    with app.test_request_context():
        return url_for(rule.endpoint, **values)


def pages(app: Flask, client: FlaskClient, **options: Any) -> Iterator[tuple[Rule, TestResponse]]:
    """Each parameterless page that shows HTML to this client, and its answer."""
    for rule in rules(app, "GET"):
        if rule.arguments:
            continue
        try:
            response = client.get(rule.rule, **options)
        except Exception as error:
            raise AssertionError(f"{rule.rule} raised {type(error).__name__}: {error}") from error
        if onward := response.location or response.headers.get("HX-Redirect"):
            assert endpoint_of(app, "GET", onward), f"{rule.rule} sends on to {onward}, which does not exist"
            continue
        if response.mimetype == "text/html":
            yield rule, response


def test_every_view_says_who_may_use_it(app: Flask) -> None:
    unknown = {
        endpoint
        for endpoint in app.view_functions
        if permission_of(app, endpoint) not in {*PERMISSIONS, "public", "api"}
    } - {"static"}
    assert unknown == set()


def test_views_without_sign_in_are_known(app: Flask) -> None:
    assert {endpoint for endpoint in app.view_functions if permission_of(app, endpoint) == "public"} <= PUBLIC


def test_paths_are_kebab_case_and_ids_are_public(app: Flask) -> None:
    odd = []
    for rule in app.url_map.iter_rules():
        plain = re.sub(r"<[^>]*>", "", rule.rule)
        if rule.endpoint != "static" and not re.fullmatch(r"(/[a-z0-9]*(-[a-z0-9]+)*(\.[a-z]+|\.\.[a-z]*)?)*/?", plain):
            odd.append(rule.rule)
    assert odd == []


def test_reading_and_writing_are_separate_views(app: Flask) -> None:
    assert [rule.rule for rule in rules(app, "GET") if "POST" in (rule.methods or ())] == []
    desk = [rule for rule in app.url_map.iter_rules() if not for_applications(rule)]
    assert {method for rule in desk for method in rule.methods or ()} <= {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
        "PUT",  # slices of an upload
    }


def test_every_page_is_whole_and_clean(app: Flask, client: FlaskClient) -> None:
    faults, seen = [], 0
    for rule, response in pages(app, client):
        seen += 1
        page = BeautifulSoup(response.text, "html.parser")
        found = [*faults_of_page(page), *faults_of_markup(page)]
        if response.status_code != 200:
            found.append(f"status {response.status_code}")
        faults += [f"{rule.rule}: {fault}" for fault in found]
    assert faults == []
    assert seen > 10


def test_every_page_has_its_headers(app: Flask, client: FlaskClient) -> None:
    faults = []
    for rule, response in pages(app, client):
        expected = {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }
        faults += [f"{rule.rule}: {name}" for name, value in expected.items() if response.headers.get(name) != value]
        if "HX-Request" not in response.headers.get("Vary", ""):
            faults.append(f"{rule.rule}: Vary")
        if not response.headers.get("X-Request-Id"):
            faults.append(f"{rule.rule}: X-Request-Id")
    assert faults == []


def test_htmx_gets_a_fragment_with_ids_of_the_page(app: Flask, client: FlaskClient) -> None:
    whole = {rule.rule: BeautifulSoup(page.text, "html.parser") for rule, page in pages(app, client)}
    faults = []
    for rule, response in pages(app, client, headers=HTMX):
        fragment = BeautifulSoup(response.text, "html.parser")
        if re.search(r"<(html|head|body|main)\b", response.text):
            faults.append(f"{rule.rule}: a page in a fragment")
        faults += [f"{rule.rule}: {fault}" for fault in faults_of_markup(fragment)]
        if fragment.find(id="results") and not whole[rule.rule].select("[hx-target='#results']"):
            continue  # the first-use page has no filters yet, so nobody asks for its results
        strange = set(ids_of(fragment)) - set(ids_of(whole[rule.rule]))
        faults += [f"{rule.rule}: id {name} is not on the page" for name in sorted(strange)]
    assert faults == []


def test_going_back_in_history_gets_the_whole_page(app: Flask, client: FlaskClient) -> None:
    restore = HTMX | {"HX-History-Restore-Request": "true"}
    assert [rule.rule for rule, page in pages(app, client, headers=restore) if "<html" not in page.text] == []


def test_links_and_forms_lead_somewhere(app: Flask, client: FlaskClient) -> None:
    dead = []
    for rule, response in pages(app, client):
        for method, target in own_links(BeautifulSoup(response.text, "html.parser")):
            if not endpoint_of(app, method, target):
                dead.append(f"{rule.rule}: {method} {target}")
    assert dead == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.SENDER])
def test_nobody_is_shown_what_they_may_not_do(app: Flask, sign_in: Callable[..., FlaskClient], role: Role) -> None:
    faults = []
    for rule, response in pages(app, sign_in(role)):
        permission = permission_of(app, rule.endpoint)
        if permission != "public" and role in below(permission):
            continue
        for method, target in own_links(BeautifulSoup(response.text, "html.parser")):
            wanted = permission_of(app, endpoint_of(app, method, target)) if endpoint_of(app, method, target) else ""
            if wanted in PERMISSIONS and role in below(wanted):
                faults.append(f"{rule.rule}: {method} {target} needs {wanted}")
    assert faults == []


def test_signed_out_pages_lead_to_sign_in(app: Flask, anonymous: FlaskClient) -> None:
    faults = []
    for rule in rules(app, "GET"):
        if permission_of(app, rule.endpoint) == "public":
            continue
        target = address(app, rule)
        page = anonymous.get(target)
        if (page.status_code, _next(page.location)) != (303, target):
            faults.append(f"{target}: {page.status_code} {page.location}")
        part = anonymous.get(target, headers=HTMX | {"HX-Current-URL": "http://localhost/users?q=x&role=admin"})
        if (part.status_code, _next(part.headers.get("HX-Redirect"))) != (401, "/users?q=x&role=admin"):
            faults.append(f"{target} by htmx: {part.status_code} {part.headers.get('HX-Redirect')}")
    assert faults == []


def _next(location: str | None) -> str | None:
    """Where signing in leads from this address of the sign-in page."""
    parts = urlsplit(location or "")
    return parse_qs(parts.query).get("next", [None])[0] if parts.path == "/login" else None


def test_signed_out_writes_ask_in_the_dialog(app: Flask, anonymous: FlaskClient) -> None:
    faults = []
    for rule in rules(app, "POST"):
        if permission_of(app, rule.endpoint) == "public":
            continue
        asked = anonymous.post(address(app, rule), headers=HTMX)
        if asked.status_code != 401 or asked.headers.get("HX-Retarget") != "#dialog":
            faults.append(f"{rule.rule} by htmx: {asked.status_code}")
        if anonymous.post(address(app, rule)).status_code != 303:
            faults.append(f"{rule.rule}: not sent to sign in")
    assert faults == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.SENDER])
def test_a_role_below_is_refused_by_the_route(app: Flask, sign_in: Callable[..., FlaskClient], role: Role) -> None:
    client, faults, tried = sign_in(role), [], 0
    for method in ("GET", "POST", "PUT"):
        for rule in rules(app, method):
            permission = permission_of(app, rule.endpoint)
            if permission in PERMISSIONS and role in below(permission):
                tried += 1
                for headers in ({}, HTMX):
                    status = client.open(address(app, rule), method=method, headers=headers).status_code
                    if status != 403:
                        faults.append(f"{method} {rule.rule}: {status}")
    assert faults == []
    assert tried > 10


def test_writes_without_a_token_are_refused(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    accepted = set()
    for method in ("POST", "PUT"):
        for rule in rules(app, method):
            if client.open(address(app, rule), method=method).status_code != 400:
                accepted.add(rule.endpoint)
    assert accepted == FROM_ELSEWHERE


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_writes_from_another_site_are_refused(app: Flask, client: FlaskClient, headers: dict[str, str]) -> None:
    accepted = set()
    for method in ("POST", "PUT"):
        for rule in rules(app, method):
            if client.open(address(app, rule), method=method, headers=headers).status_code != 403:
                accepted.add(rule.endpoint)
    assert accepted == FROM_ELSEWHERE


def test_htmx_never_gets_a_redirect(app: Flask, client: FlaskClient) -> None:
    faults = []
    for rule in rules(app, "GET"):
        status = client.get(address(app, rule), headers=HTMX).status_code
        if 300 <= status < 400:
            faults.append(f"{rule.rule}: {status}")
    assert faults == []


def test_what_does_not_exist_is_not_found(app: Flask, client: FlaskClient) -> None:
    faults = []
    for rule in rules(app, "GET"):
        if "PublicIdConverter" in {type(converter).__name__ for converter in rule._converters.values()}:
            response = client.get(address(app, rule), follow_redirects=True)
            if response.status_code != 404 or "<h1" not in response.text:
                faults.append(f"{rule.rule}: {response.status_code}")
    assert faults == []
