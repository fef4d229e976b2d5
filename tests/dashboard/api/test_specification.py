"""The OpenAPI document: checked in, true, and held against the running server by schemathesis."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.api.resources import __path__ as resources
from dashboard.api.specification import specification, written
from tests.conftest import ROOT
from tests.factories.api_keys import new_route, new_slug

pytestmark = pytest.mark.sqlite_only
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,unsupported_method,ignored_auth,negative_data_rejection"
)


def test_the_file_says_what_the_code_says(app: Flask) -> None:
    """After a change: flask --app wsgi carillon openapi > docs/openapi.json"""
    with app.test_request_context():
        assert (ROOT / "docs" / "openapi.json").read_text() == written()


def test_it_is_served_without_a_key(anonymous: FlaskClient) -> None:
    answer = anonymous.get("/api/openapi.json")
    assert (answer.json or {})["openapi"] == "3.1.0"


def test_every_operation_is_explained_and_names_its_refusals(app: Flask) -> None:
    with app.test_request_context():
        document = specification()
    operations = [one for item in document["paths"].values() for one in item.values()]
    assert len(operations) > 50
    assert len({one["operationId"] for one in operations}) == len(operations)
    for one in operations:
        assert one["summary"], one["operationId"]
        assert one["security"] == [{"key": []}]
        assert {"401", "403", "422", "429", "500"} <= set(one["responses"])


def test_every_module_of_a_resource_is_in_it(app: Flask) -> None:
    with app.test_request_context():
        tags = {tag["name"].lower().replace(" ", "_") for tag in specification()["tags"]}
    modules = {path.stem for path in Path(next(iter(resources))).glob("*.py")} - {"__init__"}
    assert tags == modules


def test_no_two_bodies_or_answers_share_a_name() -> None:
    """The document knows each by its name alone: the second of two would take the first one's place."""
    names = [
        node.name
        for path in (ROOT / "dashboard" / "api").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(("In", "Out"))
    ]
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_the_documentation_page_shows_every_operation(app: Flask, client: FlaskClient) -> None:
    page = client.get("/api/docs").text
    with app.test_request_context():
        for path, item in specification()["paths"].items():
            for method in item:
                assert f"{method.upper()} {path}" in page
    assert "$API_KEY" in page


@pytest.mark.services
@pytest.mark.timeout(300)
def test_schemathesis_finds_nothing(app: Flask, server: str, token: str, tmp_path: Path) -> None:
    """No 5xx, no answer that is not documented, nothing accepted that breaks the schema."""
    new_route()
    new_slug()
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server}/api/openapi.json", "--no-color",
        "-H", f"Authorization: Bearer {token}", "--checks", CHECKS, "--phases", "examples,coverage,fuzzing",
        "--max-examples", "1", "--generation-deterministic", "--no-shrink", "--max-time", "60",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
