"""Files of templates: staged first, linked by a save."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates import attachments, services
from dashboard.message_templates.attachments import Upload, clean_filename
from dashboard.message_templates.models import TemplateAttachment
from dashboard.message_templates.services import Draft
from dashboard.problems import DomainError
from tests.factories.message_templates import change, content, new_template

MEBIBYTE = 1024 * 1024


@pytest.mark.usefixtures("app")
def test_staged_file_knows_its_type_and_size() -> None:
    template = new_template()
    rows = attachments.stage(template_id=template.id, uploads=[Upload("C:\\tmp\\Price list.pdf", b"%PDF-")], beside=[])
    assert [(row.filename, row.content_type, row.size) for row in rows] == [("Price list.pdf", "application/pdf", 5)]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("upload", "code"),
    [
        (Upload("run.EXE", b"MZ"), "refused_kind"),
        (Upload("invoice.pdf.js", b"x"), "refused_kind"),
        (Upload("empty.pdf", b""), "empty_file"),
    ],
)
def test_refused_files(upload: Upload, code: str) -> None:
    template = new_template()
    with pytest.raises(DomainError) as caught:
        attachments.stage(template_id=template.id, uploads=[upload], beside=[])
    assert (caught.value.field, caught.value.code) == ("files", code)


@pytest.mark.usefixtures("app")
def test_the_limit_holds_for_all_of_them_together() -> None:
    template = new_template()
    first = attachments.stage(template_id=template.id, uploads=[Upload("a.bin", b"x" * 6 * MEBIBYTE)], beside=[])
    with pytest.raises(DomainError, match="10 MB|10.5 MB|11"):
        attachments.stage(template_id=template.id, uploads=[Upload("b.bin", b"x" * 5 * MEBIBYTE)], beside=[first[0].id])


@pytest.mark.usefixtures("app")
def test_an_attachment_of_another_template_cannot_be_linked() -> None:
    mine, other = new_template("Mine"), new_template("Other")
    row = attachments.stage(template_id=other.id, uploads=[Upload("a.txt", b"a")], beside=[])[0]
    draft = Draft("Mine", "transactional", content(), attachment_ids=[row.id])
    with pytest.raises(DomainError, match="Upload it again"):
        services.save_draft(template_id=mine.id, draft=draft, version=None)


@pytest.mark.usefixtures("app")
def test_files_that_nobody_saved_go_after_a_day() -> None:
    template = new_template()
    old, fresh = attachments.stage(
        template_id=template.id, uploads=[Upload("old.txt", b"a"), Upload("fresh.txt", b"b")], beside=[]
    )
    with transaction() as session:
        session.execute(
            update(TemplateAttachment)
            .where(TemplateAttachment.id == old.id)
            .values(created_at=utc_now() - timedelta(days=2))
        )
    fresh_id = fresh.id
    change(template, subject="Saved")
    assert list(db.session.scalars(select(TemplateAttachment.id))) == [fresh_id]


@pytest.mark.usefixtures("app")
def test_files_in_a_version_stay() -> None:
    template = new_template()
    row = attachments.stage(template_id=template.id, uploads=[Upload("a.txt", b"a")], beside=[])[0]
    draft = Draft("Welcome", "transactional", content(), attachment_ids=[row.id])
    services.save_draft(template_id=template.id, draft=draft, version=None)
    services.publish(template_id=template.id)
    with transaction() as session:
        session.execute(update(TemplateAttachment).values(created_at=utc_now() - timedelta(days=2)))
    change(template)
    assert db.session.scalar(select(func.count(TemplateAttachment.id))) == 1


@given(st.text(max_size=300))
def test_a_clean_filename_is_short_and_harmless(name: str) -> None:
    clean = clean_filename(name)
    assert 0 < len(clean) <= 120
    assert not set(clean) & set('\r\n\0"\\/')


def test_a_long_filename_keeps_its_extension() -> None:
    assert clean_filename("x" * 300 + ".pdf").endswith(".pdf")
