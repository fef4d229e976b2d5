"""The frame around every page: rail, theme, density, regions."""

from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask import Flask, render_template
from flask.testing import FlaskClient
from flask_login import login_user

from dashboard import navigation
from dashboard.accounts.models import Role, User

REGIONS = ("main", "dialog", "toasts", "page-status", "problem-banner", "csrf")


def page_of(
    app: Flask, user: User | None = None, path: str = "/", template: str = "_base.html", cookies: str = ""
) -> BeautifulSoup:
    with app.test_request_context(path, headers={"Cookie": cookies}):
        if user:
            login_user(user)
        return BeautifulSoup(render_template(template, title="Title"), "html.parser")


def test_every_region_exists_before_anything_is_put_in(app: Flask, make_user: Callable[..., User]) -> None:
    page = page_of(app, make_user())

    for region in REGIONS:
        assert len(page.find_all(id=region)) == 1, region
    assert page.find(id="toasts")["aria-live"] == "polite"
    assert page.title.text == "Title · Carillon"


def test_htmx_is_configured_as_the_contract_says(app: Flask) -> None:
    import json

    config = json.loads(page_of(app).find("meta", attrs={"name": "htmx-config"})["content"])

    assert config["allowEval"] is False
    assert config["includeIndicatorStyles"] is False
    assert config["historyCacheSize"] == 0
    assert config["disableInheritance"] is True
    assert {"code": "(401|409|422)", "swap": True} in config["responseHandling"]


def test_rail_shows_what_exists_and_is_allowed(app: Flask, make_user: Callable[..., User]) -> None:
    existing = {rule.rule.rstrip("/") or "/" for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    for role in Role:
        user = make_user(role)
        shown = {link["href"] for link in page_of(app, user).select(".rail a")}
        allowed = {
            item.path
            for section in navigation.SECTIONS
            for item in section.items
            if not item.permission or user.may(item.permission)
        }

        assert shown == allowed & existing, role


def test_permissions_and_icons_of_the_rail_exist(app: Flask) -> None:
    from dashboard.accounts.models import PERMISSIONS
    from dashboard.assets import icon_names

    items = [item for section in navigation.SECTIONS for item in section.items] + list(navigation.NEW_MENU)
    assert {item.permission for item in items} - {""} <= set(PERMISSIONS)
    assert {item.icon for item in items} <= icon_names()
    keys = [item.key for item in items if item.key]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("path", "here"), [("/campaigns", True), ("/campaigns/cmp_1/edit", True), ("/campaigns-old", False), ("/", False)]
)
def test_current_item_is_the_section_of_the_page(app: Flask, path: str, here: bool) -> None:
    item = navigation.NavigationItem("/campaigns", "Campaigns", "megaphone")
    with app.test_request_context(path):
        assert item.current is here


@pytest.mark.parametrize(
    ("cookies", "path", "theme", "density"),
    [
        ("", "/", "system", "default"),
        ("theme=dark; density=compact", "/", "dark", "compact"),
        ("theme=pink; density=1", "/", "system", "default"),
        ("theme=dark", "/?theme=light&density=comfortable", "light", "comfortable"),
    ],
)
def test_theme_and_density_come_from_the_server(app: Flask, cookies: str, path: str, theme: str, density: str) -> None:
    for template in ("_base.html", "_bare.html"):
        root = page_of(app, path=path, template=template, cookies=cookies).html

        assert (root["data-theme"], root["data-density"]) == (theme, density)


def test_appearance_is_kept_in_cookies(anonymous: FlaskClient) -> None:
    answer = anonymous.post("/appearance", data={"theme": "dark", "density": "odd", "next": "/messages?a=1"})

    assert answer.status_code == 303
    assert answer.location == "/messages?a=1"
    assert [header.split(";")[0] for header in answer.headers.getlist("Set-Cookie") if "density" in header] == []
    kept = anonymous.get_cookie("theme")
    assert kept is not None
    assert kept.value == "dark"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "javascript:alert(1)"]
)
def test_appearance_never_leads_to_another_site(anonymous: FlaskClient, target: str) -> None:
    answer = anonymous.post("/appearance", data={"theme": "dark", "next": target})

    assert answer.location == "/"


def test_flashed_messages_are_toasts(app: Flask) -> None:
    from flask import flash

    with app.test_request_context("/"):
        flash("Saved.", "ok")
        flash("Broken.", "error")
        page = BeautifulSoup(render_template("_base.html"), "html.parser")
    toasts = page.find(id="toasts").find_all(class_="toast")
    assert [(toast["data-kind"], toast.p.text) for toast in toasts] == [("ok", "Saved."), ("bad", "Broken.")]


def test_gallery_is_not_there_in_production(client: FlaskClient) -> None:
    assert client.get("/_ui").status_code == 404
