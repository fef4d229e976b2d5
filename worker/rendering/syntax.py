"""Parsing and compiling of one Jinja source, with every failure told as a TemplateSyntaxProblem at its place."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from jinja2 import Template, nodes
from jinja2.exceptions import TemplateSyntaxError

from worker.rendering.errors import TemplateSyntaxProblem
from worker.rendering.limits import RenderTimeout, limited
from worker.rendering.positions import column_of
from worker.rendering.sandbox import EmailEnvironment

__all__ = ["MAXIMUM_SOURCE", "check_tree", "compile_tree", "did_you_mean", "parse"]

MAXIMUM_SOURCE: Final = 512_000
"""Most characters of one part's source: five times of what mail clients show."""

_UNSUPPORTED: Final[dict[type[nodes.Node], str]] = {
    nodes.Extends: "extends",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from … import",
}
_JUDGED: Final[tuple[type[nodes.Node], ...]] = (nodes.Filter, nodes.Test, *_UNSUPPORTED)
#: Jinja's names of tokens, as they are typed.
_TOKEN_NAMES: Final = (
    ("end of print statement", "}}"),
    ("end of statement block", "%}"),
    ("begin of print statement", "{{"),
    ("begin of statement block", "{%"),
    ("end of comment", "#}"),
)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to a mistyped one, if one is near enough."""
    candidates = list(known)
    found = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    if not found:
        by_lower = {candidate.lower(): candidate for candidate in candidates}
        lower = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
        found = [by_lower[match] for match in lower]
    return found[0] if found else None


def parse(environment: EmailEnvironment, part: str, source: str) -> nodes.Template:
    """The syntax tree of a source; raises TemplateSyntaxProblem with line and column."""
    if len(source) > MAXIMUM_SOURCE:
        raise TemplateSyntaxProblem(
            f"the source has {len(source):,} characters, at most {MAXIMUM_SOURCE:,} are allowed",
            part=part,
            code="source_too_large",
        )
    try:
        return limited(lambda: environment.parse(source))
    except TemplateSyntaxError as error:
        raise _told(error, part) from error
    except RenderTimeout as error:
        raise TemplateSyntaxProblem("reading takes too long: the template is too large", part=part) from error
    except (RecursionError, MemoryError) as error:
        raise TemplateSyntaxProblem("the expressions are nested too deeply", part=part) from error
    except (ValueError, OverflowError) as error:
        raise TemplateSyntaxProblem(f"a number or text cannot be read: {error}", part=part) from error


def check_tree(environment: EmailEnvironment, part: str, tree: nodes.Template) -> list[TemplateSyntaxProblem]:
    """What parses and yet cannot work: unknown filters and tests, and statements that need other templates."""
    try:
        return list(_judged(environment, part, tree))
    except RecursionError:
        return [TemplateSyntaxProblem("the expressions are nested too deeply", part=part)]


def _judged(environment: EmailEnvironment, part: str, tree: nodes.Template) -> Iterator[TemplateSyntaxProblem]:
    for node in tree.find_all(_JUDGED):  # one walk: a walk of 60 KB takes 20 ms
        if isinstance(node, nodes.Filter):
            if node.name not in environment.filters:
                yield _unknown("filter", node.name, environment.filters, part, node.lineno)
        elif isinstance(node, nodes.Test):
            if node.name not in environment.tests:
                yield _unknown("test", node.name, environment.tests, part, node.lineno)
        else:
            yield _unsupported(_UNSUPPORTED[type(node)], part, node.lineno)


def compile_tree(environment: EmailEnvironment, part: str, tree: nodes.Template) -> Template:
    """A template ready to render; raises TemplateSyntaxProblem for what only the code generator notices."""
    try:
        code = limited(lambda: environment.compile(tree))
    except TemplateSyntaxError as error:
        raise _told(error, part) from error
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise TemplateSyntaxProblem("the statements are nested too deeply", part=part) from error
    except RenderTimeout as error:
        raise TemplateSyntaxProblem("compiling takes too long: the template is too large", part=part) from error
    except (ValueError, OverflowError) as error:
        raise TemplateSyntaxProblem(f"a number or text cannot be used: {error}", part=part) from error
    return environment.template_class.from_code(environment, code, environment.globals)


def _unsupported(tag: str, part: str, lineno: int) -> TemplateSyntaxProblem:
    return TemplateSyntaxProblem(
        f"{{% {tag} %}} is not available: a template stands alone",
        part=part,
        line=int(lineno),
        column=column_of(lineno),
        code="not_supported",
    )


def _unknown(kind: str, name: str, known: Iterable[str], part: str, lineno: int) -> TemplateSyntaxProblem:
    suggestion = did_you_mean(name, known)
    hint = f", did you mean {suggestion!r}?" if suggestion else ""
    column = column_of(lineno)
    return TemplateSyntaxProblem(
        f"there is no {kind} {name!r}{hint}",
        part=part,
        line=int(lineno),
        column=column,
        end_column=column + len(name) if kind == "filter" else None,  # a test's place is that of its `is`
        code=f"unknown_{kind}",
        suggestion=suggestion,
    )


def _told(error: TemplateSyntaxError, part: str) -> TemplateSyntaxProblem:
    message = error.message or "the template cannot be read"
    for jinja_name, typed in _TOKEN_NAMES:
        message = message.replace(f"'{jinja_name}'", typed)
    message = re.sub(r"^expected token (.+), got (.+)$", r"expected \1 but found \2", message)
    message = re.sub(r" at \d+$", "", message)
    return TemplateSyntaxProblem(
        message.rstrip(".").replace("Jinja was looking for the following tags:", "expected here:"),
        part=part,
        line=int(error.lineno),
        column=column_of(error.lineno),
    )
