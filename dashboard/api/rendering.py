"""A template rendered for an application: in the process for templates that nobody has checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from pydantic import Field

from dashboard.api.resource import Output
from dashboard.jobs.services import freeze_globals
from worker.rendering.channels import content_from
from worker.rendering.preview import render_preview


class ProblemOut(Output):
    """One thing that is wrong with a template or its values."""

    code: str
    severity: str
    part: str
    message: str
    line: int | None
    column: int | None
    suggestion: str | None


class RenderOut(Output):
    """The parts of a message, null where it cannot be made."""

    channel: str
    parts: dict[str, str] | None = Field(description="subject, html and text of an email; text of an SMS; …")
    undefined: list[str] = Field(description="Variables that the values lack.")
    problems: list[ProblemOut]


def rendered(content: Mapping[str, Any], channel: str, values: Mapping[str, Any], *, strict: bool) -> RenderOut:
    """The content of a version with values, global variables filled in."""
    result = render_preview(content_from(channel, dict(content)), {**freeze_globals(), **values}, lenient=not strict)
    made = result.rendered
    parts = None
    if made is not None:
        parts = {name: value for name, value in asdict(cast(Any, made)).items() if isinstance(value, str)}
    problems = [
        ProblemOut(
            code=found.code,
            severity=found.severity,
            part=found.part,
            message=found.message,
            line=found.line,
            column=found.column,
            suggestion=found.suggestion,
        )
        for found in result.diagnostics
    ]
    return RenderOut(channel=channel, parts=parts, undefined=sorted(result.undefined), problems=problems)
