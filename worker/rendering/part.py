"""One compiled Jinja source, and its failures told with part, line, column and variable."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeVar

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.utils import missing

from worker.rendering.errors import RenderError
from worker.rendering.limits import CPU_SECONDS, LONGEST_LINE, LimitExceeded, RenderTimeout, limited
from worker.rendering.passages import Passages, Runs, passages_of, runs_of
from worker.rendering.sandbox import EmailEnvironment, UndefinedVariable
from worker.rendering.syntax import check_tree, compile_tree, parse
from worker.rendering.variables import VariableUse, uses_of_template

__all__ = ["CompiledPart", "Values", "render_within_limits"]

_Rendered = TypeVar("_Rendered")
#: What makes one rendering's context differ from another's by more than its values.
_CHANGING: Final = (nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.EvalContextModifier)
_LINE_BREAKS = re.compile(r"\s*[\r\n]+\s*")


def render_within_limits(render: Callable[[], _Rendered], part: str) -> _Rendered:
    """What `render` returns, within the time and memory of one message. Raises RenderError, blaming `part`."""
    try:
        return limited(render)
    except RenderTimeout as error:
        raise RenderError("too_slow", f"rendering takes more than {CPU_SECONDS:g} s", part=part) from error
    except LimitExceeded as error:
        raise RenderError("output_too_large", str(error), part=part) from error


class Values(dict[str, Any]):
    """The values of one message, shared by all parts; a name without one is Jinja's `missing`, not a KeyError."""

    __slots__ = ()

    def __missing__(self, _name: str) -> Any:
        return missing


class _PartContext(Context):
    """Jinja's context, made in a third of the time."""

    def __init__(self, part: CompiledPart, values: dict[str, Any]) -> None:  # deliberately without super's
        self.parent = values
        self.vars = {}
        self.environment = part.environment
        self.eval_ctx = part.eval_context or EvalContext(part.environment)
        self.exported_vars = set()
        self.name = None
        self.globals_keys = set()
        blocks = part.template.blocks
        self.blocks = {name: [block] for name, block in blocks.items()} if blocks else {}
        if part.sets_nothing and values.__class__ is Values:  # `vars` stays empty: the values are all there is
            self.resolve_or_missing: Any = values.__getitem__


class CompiledPart:
    """A part of a template. `constant` is its text where it has no tag, else None."""

    __slots__ = (
        "_passages", "_root", "constant", "environment", "eval_context", "part", "sets_nothing", "template", "uses",
    )  # fmt: skip

    def __init__(self, environment: EmailEnvironment, part: str, source: str, *, one_line: bool = False) -> None:
        """Compiles the source; raises TemplateSyntaxProblem. In a `one_line` part, breaks of the source are spaces."""
        tree = parse(environment, part, source)
        for problem in check_tree(environment, part, tree):
            raise problem
        if one_line:
            _join_lines(tree)
        self.part = part
        self.uses: tuple[VariableUse, ...] = uses_of_template(tree, part)
        self.constant = _constant_text(tree)
        self.environment = environment
        self.template = compile_tree(environment, part, tree)
        changing = list(tree.find_all(_CHANGING))
        self.sets_nothing = not changing
        self.eval_context = None if changing else EvalContext(environment)
        self._root = self.template.root_render_func
        self._passages: Passages | None = None

    def render(self, values: dict[str, Any]) -> str:
        """The part's text. `values` holds the environment's globals too. Raises RenderError."""
        if self.constant is not None:
            return self.constant
        try:
            return self.environment.concat(self._root(_PartContext(self, values)))
        except (Exception, RenderTimeout) as error:
            raise self._explained(error) from error

    def render_in_runs(self, values: dict[str, Any]) -> tuple[list[str], Runs]:
        """The part's text in pieces, and the same as runs whose static passages are encoded already. Raises
        RenderError."""
        if self._passages is None:
            self._passages = passages_of(self.template, LONGEST_LINE)
        try:
            pieces = self.environment.take(self._root(_PartContext(self, values)))
        except (Exception, RenderTimeout) as error:
            raise self._explained(error) from error
        return pieces, runs_of(pieces, self._passages)

    def _explained(self, error: BaseException) -> RenderError:
        line = _template_line(error.__traceback__)
        if isinstance(error, UndefinedVariable):
            return self._undefined(error, line)
        code, message = _code_and_message(error)
        return RenderError(code, message, part=self.part, line=line)

    def _undefined(self, error: UndefinedVariable, line: int | None) -> RenderError:
        """The whole path and the column, found among the places where the template reads such a path."""
        suffix = f".{error.path}"
        fitting = [
            use for use in self.uses if use.path == error.path or (error.inside_value and use.path.endswith(suffix))
        ]
        fitting.sort(key=lambda use: (use.line != line, use.guarded))
        use = fitting[0] if fitting else None
        path = use.path if use else error.path
        return RenderError(
            "undefined_variable",
            f"{path} is undefined",
            part=self.part,
            line=use.line if use and line is None else line,
            column=use.column if use and use.line == line else None,
            variable=path,
        )


def _join_lines(tree: nodes.Template) -> None:
    """A subject written over several lines is one line: what comes from the source is no injection."""
    for data in tree.find_all(nodes.TemplateData):
        data.data = _LINE_BREAKS.sub(" ", data.data)


def _constant_text(tree: nodes.Template) -> str | None:
    texts: list[str] = []
    for statement in tree.body:
        if not isinstance(statement, nodes.Output):
            return None
        for node in statement.nodes:
            if not isinstance(node, nodes.TemplateData):
                return None
            texts.append(node.data)
    return "".join(texts)


def _template_line(traceback: TracebackType | None) -> int | None:
    """The line of the template in which an exception arose: the innermost frame of generated code."""
    line = None
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            line = template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return line


def _code_and_message(error: BaseException) -> tuple[str, str]:
    if isinstance(error, RenderTimeout):
        return "too_slow", f"rendering takes more than {CPU_SECONDS:g} s: is there a loop inside a loop?"
    if isinstance(error, LimitExceeded):
        return "output_too_large", str(error)
    if isinstance(error, MemoryError):
        return "output_too_large", "rendering needs more memory than there is"
    if isinstance(error, RecursionError):
        return "render_failed", "a macro or loop calls itself without end"
    if isinstance(error, SecurityError):
        return "render_failed", f"not allowed in a template: {error}"
    if isinstance(error, UndefinedError):
        return "render_failed", str(error)
    return "render_failed", f"{error}" or type(error).__name__
