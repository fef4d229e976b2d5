"""Attachments in the editor."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select

from dashboard import create_app
from dashboard.extensions import db
from dashboard.message_templates import queries
from dashboard.message_templates.models import Template, TemplateAttachment
from tests.conftest import settings_for
from tests.dashboard.message_templates.test_views import HTMX, fields
from tests.factories.message_templates import new_template


def file(name: str, data: bytes = b"%PDF-1.7") -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), name


def post(client: FlaskClient, template: Template, path: str, **changes: Any) -> Any:
    headers = changes.pop("headers", {})
    data = fields(template, **changes)
    url = f"/templates/{template.public_id}/{path}"
    return client.post(url, data=data, headers=headers, content_type="multipart/form-data")


def linked(template: Template) -> list[str]:
    db.session.expire_all()
    version = queries.working_version(queries.template(template.id))
    return [row.filename for row in queries.attachment_rows(version.attachment_ids)]


def test_upload_is_staged_and_linked_by_the_next_save(client: FlaskClient) -> None:
    template = new_template()
    target = HTMX | {"HX-Target": "attachments"}
    answer = post(client, template, "edit/rows", change="upload", files=[file("Price list.pdf")], headers=target)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Price list.pdf" in page
    assert linked(template) == []
    kept = re.findall(r'name="kept" value="([^"]+)"', page)
    assert post(client, template, "edit", kept=kept).status_code == 303
    assert linked(template) == ["Price list.pdf"]


def test_save_with_chosen_files_uploads_them(client: FlaskClient) -> None:
    template = new_template()
    answer = post(client, template, "edit", files=[file("a.pdf"), file("b.csv", b"a,b")], headers=HTMX)
    page = answer.get_data(as_text=True)
    assert 'id="attachments" aria-label="Attachments" hx-swap-oob="outerHTML"' in page
    assert linked(template) == ["a.pdf", "b.csv"]


def test_remove(client: FlaskClient) -> None:
    template = new_template()
    post(client, template, "edit", files=[file("a.pdf")])
    row = db.session.scalars(select(TemplateAttachment)).one()
    template = queries.template(template.id)
    data = {"change": f"remove_attachment:{row.public_id}", "kept": row.public_id}
    page = post(client, template, "edit/rows", **data).get_data(as_text=True)
    assert 'name="kept"' not in page
    assert linked(template) == ["a.pdf"]
    assert post(client, template, "edit").status_code == 303
    assert linked(template) == []


def test_refused_files_are_told_and_the_text_is_kept(client: FlaskClient) -> None:
    template = new_template()
    for name, data, words in (
        ("run.exe", b"MZ", "refuse mail with .exe"),
        ("empty.pdf", b"", "is empty"),
        ("large.bin", b"x" * (11 * 1024 * 1024), "limit is"),
    ):
        answer = post(client, template, "edit", subject="Typed", files=[file(name, data)])
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert words in page
        assert 'value="Typed"' in page
    assert db.session.scalar(select(func.count(TemplateAttachment.id))) == 0


def test_a_raised_limit_raises_what_one_request_may_carry(tmp_path: Path) -> None:
    app = create_app(settings_for(tmp_path, attachment_limit_mb=40))
    assert app.config["MAX_CONTENT_LENGTH"] > 40 * 1024 * 1024
    with app.app_context():
        db.engine.dispose()


def test_a_foreign_or_invented_attachment_is_not_kept(client: FlaskClient) -> None:
    other = new_template("Other")
    post(client, other, "edit", files=[file("secret.pdf")])
    row = db.session.scalars(select(TemplateAttachment)).one()
    template = new_template()
    assert post(client, template, "edit", kept=[row.public_id, "att_0000000000001", "x"]).status_code == 303
    assert linked(template) == []
