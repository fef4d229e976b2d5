"""What every page and fragment has to be, whoever asks: looked at by the tests of routes and of a whole walk."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.test import TestResponse

from dashboard.accounts.models import _RANK, PERMISSIONS, Role

RUNS_ITSELF = re.compile(r"^(on[a-z]+|hx-on.*|style|hx-vars|hx-confirm|hx-prompt|hx-ext)$")
#: Addresses of one endpoint that are followed: the fourth message page is like the first three.
EACH = 3
#: Signing in while signed in leads elsewhere.
LEFT_OUT = {"static", "accounts.login"}


def permission_of(app: Flask, endpoint: str) -> str:
    return str(getattr(app.view_functions[endpoint], "_permission", ""))


def below(permission: str) -> list[Role]:
    return [role for role in Role if _RANK[role] < _RANK[PERMISSIONS[permission]]]


def faults_of_page(page: BeautifulSoup) -> Iterator[str]:
    """What is wrong with a whole page."""
    for name in ("h1", "main", "title"):
        if len(page.find_all(name)) != 1 + (name == "title") * len(page.select("svg title")):
            yield f"{len(page.find_all(name))} <{name}>"
    if page.title is None or not (page.title.string or "").endswith(" · Carillon"):
        yield f"title {page.title}"
    yield from (f"id {name} {count} times" for name, count in ids_of(page).items() if count > 1)


def ids_of(page: BeautifulSoup) -> Counter[str]:
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
            yield from faults_of_form(tag)
        for name in ("aria-labelledby", "aria-describedby", "aria-controls", "for", "list"):
            for target in str(tag.get(name, "")).split():
                if tag.name != "dialog" and page.find("html") and not page.find(id=target):
                    yield f"{tag.name} {name}={target} points nowhere"


def faults_of_form(form: Tag) -> Iterator[str]:
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


def walk(app: Flask, client: FlaskClient) -> Iterator[tuple[str, str, TestResponse]]:
    """(endpoint, address, answer) of everything that can be reached from the first page by links and fragments."""
    waiting, seen, visits = deque([("/", "GET")]), set(), Counter[str]()
    while waiting:
        address, _from = waiting.popleft()
        endpoint = endpoint_of(app, "GET", address)
        if address in seen or endpoint in LEFT_OUT or visits[endpoint] >= EACH:
            continue
        seen.add(address)
        visits[endpoint] += 1
        response = client.get(address, follow_redirects=True)
        yield endpoint, address, response
        if response.mimetype == "text/html":
            links = own_links(BeautifulSoup(response.text, "html.parser"))
            waiting.extend((target.partition("#")[0], address) for method, target in links if method == "GET")
