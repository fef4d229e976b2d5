"""What is wrong with a template, for an editor to underline: syntax, unknown filters, variables nobody provides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from worker.rendering.addresses import address_list
from worker.rendering.content import Content, EmailContent
from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.headers import check_custom_header_name
from worker.rendering.sandbox import EmailEnvironment, html_environment, plain_environment
from worker.rendering.syntax import check_tree, compile_tree, did_you_mean, parse
from worker.rendering.variables import VariableUse, uses_of_template

__all__ = ["Diagnostic", "Severity", "diagnose", "from_problem", "from_render_error"]

Severity = Literal["error", "warning", "info"]

_html = html_environment()
_plain = plain_environment()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One remark. `line` and `column` are 1-based and count characters; `end_column` is exclusive, None for a point.

    `part` is subject, from_name, reply_to, html, text, cc, bcc, attachments or header:<name>; of a notification title,
    body, image, link, collapse_key or data:<key>. `suggestion` is what to
    write instead of `variable`, or instead of an unknown filter's name.
    """

    severity: Severity
    code: str
    part: str
    line: int
    column: int
    end_column: int | None
    message: str
    variable: str | None = None
    suggestion: str | None = None


def diagnose(content: Content, known: Mapping[str, str], *, compiling: bool = True) -> list[Diagnostic]:
    """Every problem of every part, in the order of the parts and then of lines.

    `known` maps the variables that will have a value to where it comes from, nested ones by dotted path ("order.id").
    A use that copes with a missing value is an info, any other use of an unknown variable an error. Never raises.

    Without `compiling`, for callers that compile anyway, the rare problems that only the compiler finds are left out.
    """
    names = _Known(known)
    found: list[Diagnostic] = []
    for part, source in content.sources():
        found += _of_source(_html if part == "html" else _plain, part, source, names, compiling)
    for part, name in content.address_variables():
        found += names.remark(VariableUse(name, part, 1, 1, len(name) + 1))
    if isinstance(content, EmailContent):
        found += _of_fixed_values(content)
    return found


def from_render_error(error: RenderError, known: Mapping[str, str]) -> Diagnostic:
    """A failed rendering as a remark at its place."""
    suggestion = did_you_mean(error.variable, known) if error.code == "undefined_variable" and error.variable else None
    end = error.column + len(error.variable) if error.column and error.variable else None
    return Diagnostic(
        severity="error",
        code=error.code,
        part=error.part or "html",
        line=error.line or 1,
        column=error.column or 1,
        end_column=end,
        message=_with_suggestion(error.message, suggestion),
        variable=error.variable,
        suggestion=suggestion,
    )


def _of_source(
    environment: EmailEnvironment, part: str, source: str, names: _Known, compiling: bool
) -> Iterator[Diagnostic]:
    try:
        tree = parse(environment, part, source)
        uses = uses_of_template(tree, part)
    except TemplateSyntaxProblem as problem:
        yield from_problem(problem)
        return
    problems = check_tree(environment, part, tree)
    if compiling and not problems:
        try:
            compile_tree(environment, part, tree)
        except TemplateSyntaxProblem as problem:
            problems = [problem]
    remarks = [from_problem(problem) for problem in problems]
    for use in uses:
        remarks += names.remark(use)
    yield from sorted(remarks, key=lambda remark: (remark.line, remark.column))


def _of_fixed_values(content: EmailContent) -> Iterator[Diagnostic]:
    """Header names and fixed addresses, which are no templates."""
    for header in content.headers:
        try:
            check_custom_header_name(header.name)
        except TemplateSyntaxProblem as problem:
            yield from_problem(problem)
    for part, addresses in (("cc", content.cc), ("bcc", content.bcc)):
        for address in addresses:
            try:
                address_list(address, part=part)
            except RenderError as error:
                yield Diagnostic("error", "bad_address", part, 1, 1, None, error.message)


def from_problem(problem: TemplateSyntaxProblem) -> Diagnostic:
    """A part that does not compile as a remark at its place."""
    return Diagnostic(
        severity="error",
        code=problem.code,
        part=problem.part,
        line=problem.line,
        column=problem.column,
        end_column=problem.end_column,
        message=problem.message,
        suggestion=problem.suggestion,
    )


class _Known:
    """The names that will have a value, and what is known about the inside of each."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._inner: set[str] = set()  # every proper prefix of a dotted path: known to be a mapping
        for path in sources:
            steps = path.split(".")
            self._inner.update(".".join(steps[:count]) for count in range(1, len(steps)))

    def remark(self, use: VariableUse) -> list[Diagnostic]:
        """At most one remark: the use of a path that nobody provides."""
        missing = self._missing_part(use.path)
        if missing is None:
            return []
        suggestion = self._nearest(missing)
        if use.copes_without(missing):
            severity: Severity = "info"
            message = f"{missing} has no source: the template's default is used"
        else:
            severity = "error"
            message = f"{missing} is not defined"
        return [
            Diagnostic(
                severity=severity,
                code="undefined_variable",
                part=use.part,
                line=use.line,
                column=use.column,
                end_column=use.column + len(missing),
                message=_with_suggestion(message, suggestion),
                variable=missing,
                suggestion=suggestion,
            )
        ]

    def _nearest(self, missing: str) -> str | None:
        """The name that was meant: within a known mapping one of its keys, else any name or path."""
        parent, _, key = missing.rpartition(".")
        if not parent:
            return did_you_mean(missing, (*self._sources, *self._inner))
        inside = [path.removeprefix(f"{parent}.") for path in self._sources if path.startswith(f"{parent}.")]
        found = did_you_mean(key, inside)
        return f"{parent}.{found}" if found else None

    def _missing_part(self, path: str) -> str | None:
        """The shortest beginning of the path that nobody provides; None where the path leads to a value.

        What lies inside a value is only judged where it is known to be a mapping with named keys.
        """
        steps = path.split(".")
        for count in range(1, len(steps) + 1):
            beginning = ".".join(steps[:count])
            if beginning in self._inner:
                continue
            return None if beginning in self._sources else beginning
        return None


def _with_suggestion(message: str, suggestion: str | None) -> str:
    return f"{message}, did you mean {suggestion}?" if suggestion else message
