"""Files that go out with a template.

An upload is staged first: its row belongs to the template, but no version names it until the draft is saved, so that
an upload never overtakes unsaved text. Rows are never changed; versions share them.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select

from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.figures import byte_size
from dashboard.message_templates import queries
from dashboard.message_templates.models import TemplateAttachment, TemplateVersion
from dashboard.problems import DomainError
from dashboard.settings import MEBIBYTE

#: Programs and scripts: every large mailbox provider refuses mail that carries one.
REFUSED_EXTENSIONS = frozenset(
    (
        *("ade", "adp", "apk", "appx", "bat", "cab", "chm", "cmd", "com", "cpl", "dll", "dmg", "exe", "hta", "img"),
        *("ins", "iso", "isp", "jar", "jnlp", "js", "jse", "lib", "lnk", "mde", "msc", "msi", "msix", "msp", "mst"),
        *("nsh", "pif", "ps1", "reg", "scr", "sct", "shb", "sys", "vb", "vbe", "vbs", "vhd", "vxd", "wsc", "wsf"),
        *("wsh", "xll"),
    )
)
_STAGED_FOR = timedelta(hours=24)
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|]+')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it arrived."""

    filename: str
    data: bytes


def limit() -> int:
    """The most bytes that the attachments of one template may have together."""
    return current_settings().attachment_limit_mb * MEBIBYTE


def stage(*, template_id: int, uploads: Sequence[Upload], beside: Sequence[int]) -> list[TemplateAttachment]:
    """Store files that the next save of the draft will name beside the attachments `beside`.

    DomainError(field="files") for a file without content, of a refused kind, or over the limit.
    """
    queries.template(template_id)
    checked = [(clean_filename(upload.filename), upload.data) for upload in uploads]
    for filename, data in checked:
        _check_file(filename, data)
    _check_total(sum(row.size for row in queries.attachment_rows(beside)) + sum(len(data) for _, data in checked))
    rows = [
        TemplateAttachment(
            template_id=template_id,
            filename=filename,
            content_type=mimetypes.guess_type(filename)[0] or "application/octet-stream",
            size=len(data),
            data=data,
        )
        for filename, data in checked
    ]
    with transaction() as session:
        session.add_all(rows)
    return rows


def clean_filename(name: str) -> str:
    """The last part of a path without characters that break headers or file systems; never empty."""
    last = re.split(r"[/\\]", name)[-1]
    clean = _NOT_IN_A_NAME.sub("_", last).strip(" .")
    head, dot, extension = clean.rpartition(".")
    if len(clean) > 120 and dot:
        clean = f"{head[: 119 - len(extension[:20])]}.{extension[:20]}"
    return clean[:120] or "attachment"


def _check_file(filename: str, data: bytes) -> None:
    extension = filename.rpartition(".")[2].lower()
    if extension in REFUSED_EXTENSIONS:
        raise DomainError(
            f"{filename}: mailbox providers refuse mail with .{extension} files. Link to the file instead.",
            field="files",
            code="refused_kind",
        )
    if not data:
        raise DomainError(f"{filename} is empty. Choose the file again.", field="files", code="empty_file")


def _check_total(total: int) -> None:
    if total > limit():
        raise DomainError(
            f"The attachments would have {byte_size(total)} together; the limit is {byte_size(limit())}. "
            "Leave one out, or link to the file.",
            field="files",
            code="too_large",
        )


def check_linked(template_id: int, ids: Sequence[int]) -> None:
    """DomainError where an attachment is gone, is another template's, or all together are over the limit."""
    rows = queries.attachment_rows(ids)
    if len(rows) != len(set(ids)) or any(row.template_id != template_id for row in rows):
        raise DomainError("One of the attachments is gone. Upload it again.", field="files", code="unknown")
    _check_total(sum(row.size for row in rows))


def copy_to(template_id: int, ids: Sequence[int]) -> list[int]:
    """Copy attachments to another template and return their ids; call it inside `transaction()`."""
    copies = [
        TemplateAttachment(
            template_id=template_id,
            filename=row.filename,
            content_type=row.content_type,
            size=row.size,
            data=row.data,
        )
        for row in queries.attachment_rows(ids, with_data=True)
    ]
    db.session.add_all(copies)
    db.session.flush()
    return [copy.id for copy in copies]


def forget_unused(template_id: int) -> None:
    """Delete the template's files that no version names and that were staged more than a day ago."""
    named = {
        identifier
        for ids in db.session.scalars(
            select(TemplateVersion.attachment_ids).where(TemplateVersion.template_id == template_id)
        )
        for identifier in ids
    }
    old = db.session.scalars(
        select(TemplateAttachment.id).where(
            TemplateAttachment.template_id == template_id, TemplateAttachment.created_at < utc_now() - _STAGED_FOR
        )
    )
    unused = [identifier for identifier in old if identifier not in named]
    if unused:
        db.session.execute(delete(TemplateAttachment).where(TemplateAttachment.id.in_(unused)))
