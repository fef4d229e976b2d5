# mypy: disable-error-code="override"
"""Rendering for an editor: missing values are shown instead of ending everything, broken parts are left out.

This runs inside the preview process (preview_process.py) and nowhere else: its markup never goes out as mail. (Jinja
declares every operator of an undefined value as one that never returns; here they do, hence the first line.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from jinja2.exceptions import UndefinedError
from markupsafe import escape

from worker.rendering.channels import compile_content
from worker.rendering.compiler import Dialects
from worker.rendering.content import Content, EmailContent, Rendered, RenderedEmail, header_part
from worker.rendering.diagnostics import Diagnostic, diagnose, from_problem, from_render_error
from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.sandbox import MissingVariable

__all__ = ["PreviewResult", "known_paths", "preview_now"]

_OPEN: Final = "\ue010"
_CLOSE: Final = "\ue011"
_MARK_STYLE: Final = (
    "background:repeating-linear-gradient(45deg,#ffd9d6 0 6px,#fff1f0 6px 12px);"
    "color:#8c1d18;outline:1px dashed #b3261e;padding:0 3px"
)
#: Where a marker may not become an element: inside a tag and inside elements that hold text only.
_PLACES = re.compile(
    rf"<(style|title|script|textarea)\b.*?</\1|<[^<>]*>|{_OPEN}([^{_CLOSE}]*){_CLOSE}", re.DOTALL | re.IGNORECASE
)
_BODIES: Final = frozenset({"html", "text", ""})  # without them there is nothing to show
_MAXIMUM_PATHS: Final = 5_000

_seen: dict[str, None] = {}
"""Missing paths in the order in which the rendering of this process met them."""


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """What an editor shows: `rendered` is None where nothing can be shown; `undefined` are paths without a value."""

    rendered: Rendered | None
    diagnostics: list[Diagnostic]
    undefined: tuple[str, ...]


class PreviewVariable(MissingVariable):
    """A missing value that shows its path; a loop over it runs once, a test of it fails."""

    __slots__ = ()

    def _noted(self) -> str:
        if self._undefined_exception is not UndefinedError:
            self._fail_with_undefined_error()
        path = str(self._undefined_name)
        _seen[path.partition("[]")[0]] = None
        return path

    def __str__(self) -> str:
        return f"«{self._noted()}»"

    def __html__(self) -> str:
        return f"{_OPEN}{self._noted()}{_CLOSE}"

    def __format__(self, format_spec: str) -> str:
        return str(self)

    def __iter__(self) -> Iterator[PreviewVariable]:
        yield PreviewVariable(name=f"{self._noted()}[]")

    def __bool__(self) -> bool:
        self._noted()
        return False

    def __len__(self) -> int:
        self._noted()
        return 1

    def __int__(self) -> int:
        self._noted()
        return 0

    def __float__(self) -> float:
        self._noted()
        return 0.0

    def _itself(self, *_operands: Any, **_named: Any) -> PreviewVariable:
        self._noted()
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _itself
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = _itself
    __pos__ = __neg__ = __call__ = __round__ = __abs__ = _itself

    def __eq__(self, other: object) -> bool:
        self._noted()
        return self is other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._undefined_name)

    def _compared(self, _other: object) -> bool:
        self._noted()
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _compared


# A preview is rendered once: deriving a text template would cost more than converting the one result.
_strict = Dialects.with_undefined(MissingVariable, deriving=False)
_lenient = Dialects.with_undefined(PreviewVariable, deriving=False)


def preview_now(content: Content, values: Mapping[str, Any], *, lenient: bool) -> PreviewResult:
    """Renders in this process. Lenient: missing values are marked and parts that fail are left empty."""
    _seen.clear()
    known = known_paths(values)
    remarks = diagnose(content, known, compiling=False)
    rendered, failures = (_rendered_in_parts if lenient else _rendered)(content, values)
    for failure in failures:
        remark = from_render_error(failure, known) if isinstance(failure, RenderError) else from_problem(failure)
        if not any((remark.part, remark.code, remark.variable) == (r.part, r.code, r.variable) for r in remarks):
            remarks.append(remark)
    missing = dict.fromkeys(r.variable for r in remarks if r.variable and r.severity == "error")
    met = [
        path for path in _seen if not any(name.endswith(f".{path}") or path.startswith(f"{name}.") for name in missing)
    ]
    return PreviewResult(rendered, remarks, tuple(dict.fromkeys((*missing, *met))))


def _rendered(
    content: Content, values: Mapping[str, Any]
) -> tuple[Rendered | None, list[RenderError | TemplateSyntaxProblem]]:
    try:
        return compile_content(content, _strict).render(values), []
    except (RenderError, TemplateSyntaxProblem) as error:
        return None, [error]


def _rendered_in_parts(
    content: Content, values: Mapping[str, Any]
) -> tuple[Rendered | None, list[RenderError | TemplateSyntaxProblem]]:
    """Leaves out one failing part after the other, so that a bad header does not hide the body."""
    failures: list[RenderError | TemplateSyntaxProblem] = []
    for _ in range(sum(1 for _ in content.sources()) + 8):
        try:
            return _with_markers(compile_content(content, _lenient).render(values)), failures
        except (RenderError, TemplateSyntaxProblem) as error:
            if "«" not in error.message:  # an address that is missing is told as missing, not as malformed
                failures.append(error)
            if error.part in _BODIES:
                break
            content = _without(content, error.part)
    return None, failures


def _without(content: Content, part: str) -> Content:
    """The content with one part emptied."""
    if isinstance(content, EmailContent):
        if part in ("cc", "bcc"):
            return replace(content, **{part: (), f"{part}_variable": ""})  # type: ignore[arg-type]
        content = replace(content, headers=tuple(h for h in content.headers if header_part(h.name) != part))
    return content.with_sources(lambda name, source: "" if name == part else source)


def _with_markers(rendered: Rendered) -> Rendered:
    if not isinstance(rendered, RenderedEmail):
        return rendered
    return replace(rendered, html=_PLACES.sub(_marked, rendered.html), text=_named_plainly(rendered.text))


def _marked(place: re.Match[str]) -> str:
    name = place[2]
    if name is None:
        return _named_plainly(place[0])
    shown = escape(name)
    return f'<mark data-undefined="{shown}" style="{_MARK_STYLE}">{shown}</mark>'


def _named_plainly(text: str) -> str:
    return text.replace(_OPEN, "«").replace(_CLOSE, "»")


def known_paths(values: Mapping[str, Any]) -> dict[str, str]:
    """Every name that has a value, nested mappings by dotted path, each with the source name "preview"."""
    paths: dict[str, str] = {}
    pending: list[tuple[str, Mapping[str, Any]]] = [("", values)]
    while pending and len(paths) < _MAXIMUM_PATHS:
        prefix, mapping = pending.pop()
        for key, value in mapping.items():
            path = f"{prefix}{key}"
            paths[path] = "preview"
            if isinstance(value, Mapping):
                pending.append((f"{path}.", value))
    return paths
