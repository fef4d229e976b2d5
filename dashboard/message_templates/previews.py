"""Making a preview: render what was typed in its own process, keep it for the frame, and say what is wrong with it."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from dashboard.current import current_settings
from dashboard.extensions import utc_now
from dashboard.jobs.choosing import From
from dashboard.message_templates import preview_store
from dashboard.message_templates.content_rules import part_words
from dashboard.message_templates.default_sender import default_sender
from dashboard.message_templates.phone_previews import PushView, SmsView, phone_checks, phone_view
from dashboard.message_templates.preview_data import PreviewData
from worker.rendering.checks import check_email
from worker.rendering.content import Content, EmailContent, Rendered, RenderedEmail
from worker.rendering.diagnostics import Diagnostic
from worker.rendering.errors import RenderError
from worker.rendering.mime import MimeBuilder
from worker.rendering.preview import render_preview
from worker.rendering.variables import VariableUse, variable_paths

logger = logging.getLogger(__name__)

_SHOWN_VALUE = 120  # characters of a value in the table of variables
_SHOWN_REMARKS = 60
#: Codes of what no value can mend.
_BROKEN = frozenset(
    {"syntax_error", "unknown_filter", "unknown_test", "not_supported", "source_too_large", "bad_header", "bad_address"}
)
#: Remarks that the page says elsewhere: the table tells of defaults, the choice "Made from the HTML" of the text part.
_UNTOLD = {("undefined_variable", "info"), ("missing_text", "info")}
_RANK = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Remark:
    """One line of the list below the editor. `kind` is a state of "check" in dashboard/status.py."""

    kind: str
    part: str
    words: str
    message: str
    line: int | None = None
    column: int | None = None
    suggestion: str | None = None
    code: str = ""
    more: int = 0  # further places of the same

    @property
    def stops_publishing(self) -> bool:
        """Whether the template cannot work at all; a missing value depends on the recipient."""
        return self.code in _BROKEN


@dataclass(frozen=True, slots=True)
class VariableLine:
    """A variable that the template reads: its value as text and the layer it came from, "" where it has none.

    `missing`: it has no value where one is needed; `guarded`: it has none, and the template copes everywhere.
    """

    name: str
    value: str
    origin: str
    missing: bool = False
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What the preview pane shows. `token` opens the documents of an email, `phone` is what other channels show there;
    both are None where nothing could be rendered."""

    token: str | None
    rendered: Rendered | None
    phone: SmsView | PushView | None
    remarks: tuple[Remark, ...]
    marks: str  # JSON for the editor's underlines
    variables: tuple[VariableLine, ...]
    undefined: tuple[str, ...]
    data: PreviewData

    @property
    def subject(self) -> str:
        """The message on one line: the subject of an email."""
        return self.rendered.preview if self.rendered else ""

    @property
    def errors(self) -> int:
        return sum(remark.kind == "blocking" for remark in self.remarks)

    @property
    def warnings(self) -> int:
        return sum(remark.kind == "warning" for remark in self.remarks)


def make_preview(
    *,
    content: Content,
    category: str,
    data: PreviewData,
    owner: int,
    strict: bool = False,
    refused: Sequence[Remark] = (),
) -> Preview:
    """Render the content with the data. `refused` are remarks of the form, which stand first.

    `content` should come with its attachments' names but without their bytes: only headers show them.
    """
    result = render_preview(content, data.values, lenient=not strict)
    diagnostics = [*result.diagnostics, *_checks(content, result.rendered, category)]
    remarks = [*refused, *_data_remark(data)]
    token = None
    if isinstance(result.rendered, RenderedEmail) and isinstance(content, EmailContent):
        token, problem = _keep(result.rendered, content, category, data, owner)
        remarks += problem
    told = [found for found in diagnostics if (found.code, found.severity) not in _UNTOLD]
    ordered = sorted(told, key=lambda found: _RANK[found.severity])
    remarks += _grouped([_remark(found, content.channel) for found in ordered])
    return Preview(
        token=token,
        rendered=result.rendered,
        phone=phone_view(content, result.rendered, category),
        remarks=tuple(remarks),
        marks=json.dumps([_mark(found) for found in diagnostics if found.severity != "info"]),
        variables=_variable_lines(content, data),
        undefined=result.undefined,
        data=data,
    )


@lru_cache(maxsize=16)
def uses_in(content: Content) -> tuple[VariableUse, ...]:
    """The uses of variables in a content; kept, because one rendering asks several times (0.1 s for 60 KB)."""
    return variable_paths(content)


def _checks(content: Content, rendered: Rendered | None, category: str) -> list[Diagnostic]:
    if isinstance(content, EmailContent):
        email = rendered if isinstance(rendered, RenderedEmail) else None
        return check_email(replace(content, attachments=()), email, category=category)
    return phone_checks(content, rendered)


def _data_remark(data: PreviewData) -> list[Remark]:
    if not data.problem:
        return []
    return [Remark("warning", "data", "Preview data", data.problem, data.line, data.column)]


def _keep(
    rendered: RenderedEmail, content: EmailContent, category: str, data: PreviewData, owner: int
) -> tuple[str | None, list[Remark]]:
    try:
        headers = message_head(rendered, content, category, data.recipient)
    except RenderError as error:
        headers = [f"The message cannot be built: {error.message}"]
    document = {"html": rendered.html, "text": rendered.text, "headers": headers, "subject": rendered.subject}
    try:
        return preview_store.keep(document, owner=owner), []
    except OSError as error:
        logger.warning("preview not stored", extra={"error": error.strerror})
        reason = (
            f"The preview could not be stored ({error.strerror}). What you typed is not lost; tell an administrator."
        )
        return None, [Remark("blocking", "data", "Preview", reason)]


def message_head(rendered: RenderedEmail, content: EmailContent, category: str, to: str) -> list[str]:
    """The lines of the head of the message as it would leave now, from the category's default sender."""
    sender = default_sender("email", category) or From("sender@example.com", "")
    address, name = sender.address, sender.name
    hollow = tuple(replace(attachment, data=b"") for attachment in content.attachments)
    builder = MimeBuilder(attachments=hollow, from_address=address, default_from_name=name)
    domain = address.rpartition("@")[2]
    extra = []
    if category == "promotional":
        link = f"<{current_settings().base_url}/u/preview>"
        extra = [("List-Unsubscribe", link), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]
    message = builder.build(
        rendered,
        to=to,
        message_id=f"<msg_0000000000000@{domain}>",
        date=utc_now(),
        extra_headers=extra,
    )
    head = message.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    return head.split("\r\n")


def _remark(found: Diagnostic, channel: str) -> Remark:
    kind = {"error": "blocking", "warning": "warning"}.get(found.severity, "info")
    words = part_words(found.part, channel)
    return Remark(kind, found.part, words, found.message, found.line, found.column, found.suggestion, found.code)


def _grouped(remarks: Sequence[Remark]) -> list[Remark]:
    """One line for the same remark at several places, with the first of them."""
    groups: dict[tuple[str, str, str], Remark] = {}
    for remark in remarks:
        key = (remark.kind, remark.code, remark.message)
        first = groups.get(key)
        groups[key] = replace(first, more=first.more + 1) if first else remark
    return list(groups.values())[:_SHOWN_REMARKS]


def _mark(found: Diagnostic) -> dict[str, Any]:
    """A problem as the editor underlines it; see static/js/editor.js."""
    kept = ("part", "severity", "line", "column", "end_column", "message")
    return {key: value for key, value in asdict(found).items() if key in kept}


def _variable_lines(content: Content, data: PreviewData) -> tuple[VariableLine, ...]:
    """Every variable that the template reads, those without a value first."""
    values, origins = data.values, data.origins
    uses = uses_in(replace(content, attachments=()) if isinstance(content, EmailContent) else content)
    needed = {use.root for use in uses if not use.certain}
    lines = [
        VariableLine(name, value_words(values[name]), origins.get(name, ""))
        if name in values
        else VariableLine(name, "", "", missing=name in needed, guarded=name not in needed)
        for name in sorted({use.root for use in uses})
    ]
    return tuple(sorted(lines, key=lambda line: (not line.missing, line.guarded)))


def value_words(value: Any) -> str:
    """A value on one line: texts as they are, everything else as JSON, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_VALUE else f"{text[: _SHOWN_VALUE - 1]}…"


def completion_list(data: PreviewData) -> list[dict[str, str]]:
    """Variables for the editor's completion, nested ones by dotted path: {"name", "source", "sample"}."""
    origins = data.origins
    found: list[dict[str, str]] = []
    pending: list[tuple[str, str, Any]] = [
        (name, origins.get(name, ""), value) for name, value in sorted(data.values.items(), reverse=True)
    ]
    while pending and len(found) < 500:
        path, origin, value = pending.pop()
        inner = isinstance(value, Mapping)
        found.append({"name": path, "source": origin, "sample": "" if inner else value_words(value)})
        if inner:
            pending += [(f"{path}.{key}", origin, item) for key, item in sorted(value.items(), reverse=True)]
    return found
