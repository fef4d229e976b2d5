"""Pages of global variables."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from dashboard.accounts.models import Role
from dashboard.audiences.models import DatasetVersion
from dashboard.extensions import db, transaction
from dashboard.variables import queries, services
from dashboard.variables.models import Variable
from tests.factories.message_templates import new_audience, new_template

HTMX = {"HX-Request": "true"}


@pytest.fixture
def variable(app: object) -> Variable:
    return services.create_variable(name="shop_name", value="Bluebird", description="Name over the door")


def fresh(variable: Variable) -> Variable:
    db.session.expire_all()
    return queries.variable(variable.id)


def url(variable: Variable, path: str = "") -> str:
    return f"/variables/{variable.public_id}{path}"


def cell(variable: Variable) -> dict[str, str]:
    return HTMX | {"HX-Target": f"value-{variable.public_id}"}


def test_empty_list_says_what_to_do(client: FlaskClient) -> None:
    assert "Add the first one" in client.get("/variables").get_data(as_text=True)


def test_lists(client: FlaskClient, variable: Variable) -> None:
    new_template(html="{{ shop_name }}")
    page = client.get("/variables").get_data(as_text=True)
    assert "Bluebird" in page
    assert "1 template uses shop_name" in page
    read_only = client.get("/variables/read-only").get_data(as_text=True)
    assert "company_name" in read_only
    assert 'href="/settings"' in read_only
    assert "Rename" not in read_only


def test_add(client: FlaskClient) -> None:
    answer = client.post("/variables/new", data={"name": "season", "value": "Spring\r\nSummer", "description": "d"})
    assert answer.status_code == 303
    assert "Spring\nSummer" in client.get("/variables").get_data(as_text=True)
    assert "<html" not in client.get("/variables/new", headers=HTMX).get_data(as_text=True)


@pytest.mark.parametrize("name", ["", "two words", "email", "shop_name", "for"])
def test_add_with_mistakes_keeps_what_was_typed(client: FlaskClient, variable: Variable, name: str) -> None:
    answer = client.post("/variables/new", data={"name": name, "value": "Typed and kept"}, headers=HTMX)
    assert answer.status_code == 422
    assert "Typed and kept" in answer.get_data(as_text=True)
    assert "There is a problem" in answer.get_data(as_text=True)


def test_change_the_value_in_its_place(client: FlaskClient, variable: Variable) -> None:
    field = client.get(url(variable, "/edit"), headers=cell(variable)).get_data(as_text=True)
    assert "<textarea" in field
    assert "<html" not in field
    data = {"value": "Kestrel", "version": variable.version}
    answer = client.post(url(variable, "/edit"), data=data, headers=cell(variable))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert page.strip().startswith(f'<div id="value-{variable.public_id}"')
    assert "Kestrel" in page
    assert "hx-swap-oob" in page
    assert (fresh(variable).value, fresh(variable).description) == ("Kestrel", "Name over the door")


def test_cancel_shows_the_value_again(client: FlaskClient, variable: Variable) -> None:
    page = client.get(url(variable, "/edit?cancel=1"), headers=cell(variable)).get_data(as_text=True)
    assert "<textarea" not in page
    assert "Bluebird" in page


def test_change_without_javascript(client: FlaskClient, variable: Variable) -> None:
    assert "<textarea" in client.get(url(variable, "/edit")).get_data(as_text=True)
    answer = client.post(url(variable, "/edit"), data={"value": "Kestrel", "version": "1", "description": "New"})
    assert answer.location == url(variable)
    assert fresh(variable).description == "New"


def test_two_people_at_once_see_both_values(client: FlaskClient, variable: Variable) -> None:
    services.update_variable(variable_id=variable.id, value="Theirs", version=None)
    data = {"value": "Mine", "version": "1"}
    for headers in (cell(variable), {}):
        answer = client.post(url(variable, "/edit"), data=data, headers=headers)
        page = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert "Theirs" in page
        assert "Mine" in page
        assert 'name="version" value="2"' in page
    assert client.post(url(variable, "/edit"), data={"value": "Mine", "version": "2"}).status_code == 303


def test_a_value_that_is_too_long(client: FlaskClient, variable: Variable) -> None:
    data = {"value": "x" * 20_001, "version": "1"}
    assert client.post(url(variable, "/edit"), data=data, headers=cell(variable)).status_code == 422
    assert client.post(url(variable, "/edit"), data=data).status_code == 422


def test_page_of_a_variable_tells_uses_and_history(client: FlaskClient, variable: Variable) -> None:
    new_template("Welcome", html="{{ shop_name }}", published=True)
    audience = new_audience("Customers", [("a@example.com", {"shop_name": "x"})])
    with transaction():
        version = db.session.get(DatasetVersion, audience.current_version_id)
        assert version is not None
        version.columns = [{"name": "Shop", "target": "variable", "variable": "shop_name"}]
    client.post(url(variable, "/edit"), data={"value": "Kestrel", "version": "1"})
    page = client.get(url(variable)).get_data(as_text=True)
    for words in ("Welcome", "Customers", "<del>Bluebird</del> <ins>Kestrel</ins>", "admin-person"):
        assert words in page
    assert client.get("/variables/var_00000000zzzzz").status_code == 404


def test_rename_previews_and_updates(client: FlaskClient, variable: Variable) -> None:
    new_template("Welcome", html="{{ shop_name }}", published=True)
    preview = client.get(url(variable, "/rename"), headers=HTMX).get_data(as_text=True)
    assert "1 template will be updated." in preview
    assert "Welcome: new version" in preview
    assert client.post(url(variable, "/rename"), data={"name": "shop name"}, headers=HTMX).status_code == 422
    answer = client.post(url(variable, "/rename"), data={"name": "store", "version": "1"}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/variables"
    page = client.get("/variables").get_data(as_text=True)
    assert "It is called store now; 1 template updated." in page


def test_delete_names_the_users_or_asks(client: FlaskClient, variable: Variable) -> None:
    template = new_template("Welcome", html="{{ shop_name }}")
    assert "used by “Welcome”" in client.get(url(variable, "/delete")).get_data(as_text=True)
    assert client.post(url(variable, "/delete")).status_code == 422
    other = services.create_variable(name="unused", value="")
    assert "No template reads it" in client.get(url(other, "/delete"), headers=HTMX).get_data(as_text=True)
    assert client.post(url(other, "/delete")).location == "/variables"
    assert client.get(url(other)).status_code == 404
    assert template.name == "Welcome"


def test_a_viewer_reads_and_changes_nothing(sign_in: Callable[..., FlaskClient], variable: Variable) -> None:
    viewer = sign_in(Role.VIEWER)
    page = viewer.get("/variables").get_data(as_text=True).split("<main")[1]
    assert "Rename" not in page
    assert "New variable" not in page
    assert viewer.get(url(variable)).status_code == 200
    for path in ("/edit", "/rename", "/delete"):
        assert viewer.get(url(variable, path)).status_code == 403
        assert viewer.post(url(variable, path), data={"name": "x", "value": "x"}).status_code == 403
    assert viewer.post("/variables/new", data={"name": "x"}).status_code == 403


def test_a_read_only_one_has_no_field(client: FlaskClient) -> None:
    row = db.session.query(Variable).filter_by(name="company_name").one()
    assert "<textarea" not in client.get(url(row)).get_data(as_text=True)
    assert "<textarea" not in client.get(url(row, "/edit"), headers=cell(row)).get_data(as_text=True)
    assert client.post(url(row, "/edit"), data={"value": "x"}).status_code == 422
