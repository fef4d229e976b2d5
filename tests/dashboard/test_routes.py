"""Rules that every route keeps, looked for on the whole URL map: a new page is held to them without another test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask, url_for
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect, Rule
from werkzeug.test import TestResponse

from dashboard.accounts.models import _RANK, PERMISSIONS, Role
from dashboard.security import CONTENT_SECURITY_POLICY

#: Routes are the same on every database, and these tests ask each of them many times.
pytestmark = pytest.mark.sqlite_only

HTMX = {"HX-Request": "true"}
#: Pages that send on when nothing waits for them (no password given yet, no set-up begun).
SENDS_ON = {"accounts.login", "accounts.second_step.show", "accounts.second_step.recovery", "accounts.two_factor.show"}
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
    "appearance.update",
    "public.show",
    "public.unsubscribe",
    "public.undo",
    "system.healthz",
}
#: Mail programs (RFC 8058) and recipients post here, signed in nowhere: the token in the address is what counts.
FROM_ELSEWHERE = {"public.unsubscribe", "public.undo"}
RUNS_ITSELF = re.compile(r"^(on[a-z]+|hx-on.*|style|hx-vars|hx-confirm|hx-prompt|hx-ext)$")


def rules(app: Flask, method: str) -> Iterator[Rule]:
    """Every rule of ours that answers the method."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static" and method in (rule.methods or ()):
            yield rule


def permission_of(app: Flask, endpoint: str) -> str:
    return str(getattr(app.view_functions[endpoint], "_permission", ""))


def address(app: Flask, rule: Rule) -> str:
    """The rule's URL, with values that fit its converters and name nothing that exists."""
    examples: dict[str, Any] = {"IntegerConverter": 1, "PublicIdConverter": 987_654_321}
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
        if response.status_code in (204, 303) and rule.endpoint in SENDS_ON:
            continue
        if response.mimetype == "text/html":
            yield rule, response


def below(permission: str) -> list[Role]:
    return [role for role in Role if _RANK[role] < _RANK[PERMISSIONS[permission]]]


def faults_of_page(page: BeautifulSoup) -> Iterator[str]:
    """What is wrong with a whole page."""
    for name in ("h1", "main", "title"):
        if len(page.find_all(name)) != 1 + (name == "title") * len(page.select("svg title")):
            yield f"{len(page.find_all(name))} <{name}>"
    if page.title is None or not (page.title.string or "").endswith(" · Carillon"):
        yield f"title {page.title}"
    yield from (f"id {name} {count} times" for name, count in _ids(page).items() if count > 1)


def _ids(page: BeautifulSoup) -> Counter[str]:
    inside_templates = {id(tag) for template in page.find_all("template") for tag in template.find_all(id=True)}
    return Counter(tag["id"] for tag in page.find_all(id=True) if id(tag) not in inside_templates)


def faults_of_markup(page: BeautifulSoup) -> Iterator[str]:
    """What is wrong with elements, on a page or in a fragment."""
    for tag in page.find_all(True):
        yield from (f"{tag.name} with {name}" for name in tag.attrs if RUNS_ITSELF.match(name))
        if tag.name == "script" and not tag.get("src") and tag.get("type") != "application/json":
            yield "script inside the page"
        if tag.name == "style":
            yield "style inside the page"
        if "[" in str(tag.get("hx-trigger", "")):
            yield f"trigger filter {tag['hx-trigger']}"
        if (tag.get("hx-get") or tag.get("hx-post")) and not (tag.get("hx-target") and tag.get("hx-swap")):
            yield f"{tag.name} {tag.get('hx-get') or tag.get('hx-post')} without hx-target and hx-swap"
        if tag.name == "form":
            yield from _faults_of_form(tag)
        for name in ("aria-labelledby", "aria-describedby", "aria-controls", "for", "list"):
            for target in str(tag.get(name, "")).split():
                if tag.name != "dialog" and page.find("html") and not page.find(id=target):
                    yield f"{tag.name} {name}={target} points nowhere"


def _faults_of_form(form: Tag) -> Iterator[str]:
    if not form.get("action"):
        yield "form without action: it does nothing without JavaScript"
    if str(form.get("method", "get")).lower() == "post" and not form.find("input", attrs={"name": "csrf_token"}):
        yield f"form {form.get('action')} without csrf_token"


def own_links(page: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """(method, address) of every link, form and htmx request of a page to this site."""
    for tag in page.find_all(True):
        for name, method in (("href", "GET"), ("hx-get", "GET"), ("hx-post", "POST"), ("src", "GET")):
            if tag.name not in ("link", "use") and str(tag.get(name, "")).startswith("/"):
                yield method, str(tag[name])
        if tag.name == "form":
            yield str(tag.get("method", "get")).upper(), str(tag.get("action", ""))


def endpoint_of(app: Flask, method: str, target: str) -> str:
    """The endpoint that answers there, "" where none does."""
    adapter = app.url_map.bind("localhost")
    try:
        return adapter.match(urlsplit(target).path, method)[0]
    except RequestRedirect as redirect:
        return adapter.match(urlsplit(redirect.new_url).path, method)[0]
    except HTTPException:
        return ""


def test_every_view_says_who_may_use_it(app: Flask) -> None:
    unknown = {
        endpoint for endpoint in app.view_functions if permission_of(app, endpoint) not in {*PERMISSIONS, "public"}
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
    assert {method for rule in app.url_map.iter_rules() for method in rule.methods or ()} <= {
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
        strange = set(_ids(fragment)) - set(_ids(whole[rule.rule]))
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
