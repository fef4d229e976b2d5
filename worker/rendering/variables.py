# ruff: noqa: N802 - visit_Name and its like are named by Jinja's visitor
"""Which values a template needs, where it uses each of them, and which of them it can do without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, TypeVar

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from worker.rendering.content import Content
from worker.rendering.errors import TemplateSyntaxProblem
from worker.rendering.positions import column_of
from worker.rendering.sandbox import plain_environment
from worker.rendering.syntax import parse

__all__ = ["VariableUse", "rename_variable", "uses_of_template", "variable_paths"]

_Content = TypeVar("_Content", bound=Content)
_environment = plain_environment()
_GLOBAL_NAMES: Final = frozenset(_environment.globals)
_DEFAULT_FILTERS: Final = frozenset({"default", "d"})


@dataclass(frozen=True, slots=True)
class VariableUse:
    """One place where a template reads a value from outside.

    `path` is dotted ("order.id"); `line` and `column` are 1-based and count characters, `end_column` is exclusive.
    `certain` is the longest beginning of the path of which this place knows that it is defined, or copes when it is
    not: all of it for default() and `is defined`, "order" for `order.id` inside `{% if order is defined %}`.
    """

    path: str
    part: str
    line: int
    column: int
    end_column: int
    certain: str = ""

    @property
    def root(self) -> str:
        """The name before the first dot: what an audience's column or a global variable is called."""
        return self.path.partition(".")[0]

    @property
    def guarded(self) -> bool:
        """Whether this place copes when nothing of the path is there."""
        return self.certain == self.path

    def copes_without(self, beginning: str) -> bool:
        """Whether this place copes when this beginning of its path is undefined."""
        return f"{self.certain}.".startswith(f"{beginning}.")


def variable_paths(content: Content) -> tuple[VariableUse, ...]:
    """Every use of a value in every part, and the variables that are named outside (for cc and bcc).

    A part that does not parse is left out: diagnose() tells about it.
    """
    uses: list[VariableUse] = []
    for part, source in content.sources():
        try:
            uses += uses_of_template(parse(_environment, part, source), part)
        except TemplateSyntaxProblem:
            continue
    for part, name in content.address_variables():
        uses.append(VariableUse(name, part, 1, 1, len(name) + 1, certain=name))
    return tuple(uses)


def uses_of_template(tree: nodes.Template, part: str) -> tuple[VariableUse, ...]:
    """The uses within one parsed part, in reading order; raises TemplateSyntaxProblem for absurd nesting."""
    finder = _UseFinder(part)
    try:
        finder.visit(tree)
    except RecursionError as error:
        raise TemplateSyntaxProblem("the expressions are nested too deeply", part=part) from error
    return tuple(sorted(finder.uses, key=lambda use: (use.line, use.column)))


def rename_variable(content: _Content, old: str, new: str) -> _Content:
    """The content with the variable `old` (a name, not a path) called `new` wherever it is read.

    Loop variables and `set` names that happen to be called the same are left alone. Parts that do not parse stay as
    they are.
    """
    places: dict[str, set[tuple[int, int]]] = {}
    for use in variable_paths(content):
        if use.root == old:
            places.setdefault(use.part, set()).add((use.line, use.column))

    def renamed(part: str, source: str) -> str:
        lines = source.split("\n")
        for line, column in sorted(places.get(part, ()), reverse=True):
            text = lines[line - 1]
            lines[line - 1] = text[: column - 1] + new + text[column - 1 + len(old) :]
        return "\n".join(lines)

    return content.with_sources(renamed).with_variable(old, new)


def _path_of(node: nodes.Node) -> tuple[nodes.Name, str, list[nodes.Expr]] | None:
    """(root, dotted path, computed subscripts) of `a.b["c"][0]`; an index that is not a name ends the path."""
    names: list[str] = []
    computed: list[nodes.Expr] = []
    while True:
        if isinstance(node, nodes.Name):
            return node, ".".join([node.name, *reversed(names)]), computed
        if isinstance(node, nodes.Getattr):
            names.append(node.attr)
        elif isinstance(node, nodes.Getitem):
            if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
                names.append(node.arg.value)
            else:
                names.clear()
                computed.append(node.arg)
        else:
            return None
        node = node.node


def _shared_beginning(path: str, other: str) -> str:
    steps = [
        a for a, b in takewhile(lambda pair: pair[0] == pair[1], zip(path.split("."), other.split("."), strict=False))
    ]
    return ".".join(steps)


def _guards(test: nodes.Node) -> tuple[frozenset[str], frozenset[str]]:
    """Paths known to be defined where the test holds, and where it does not."""
    if isinstance(test, nodes.Test) and test.name in ("defined", "undefined"):
        path = _path_of(test.node)
        known = frozenset({path[1]} if path else ())
        return (known, frozenset()) if test.name == "defined" else (frozenset(), known)
    if isinstance(test, nodes.Not):
        holds, fails = _guards(test.node)
        return fails, holds
    if isinstance(test, (nodes.And, nodes.Or)):
        left, right = _guards(test.left), _guards(test.right)
        if isinstance(test, nodes.And):
            return left[0] | right[0], left[1] & right[1]
        return left[0] & right[0], left[1] | right[1]
    return frozenset(), frozenset()


class _UseFinder(NodeVisitor):
    """Walks a tree with the names in scope and the paths known to be defined at each place."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.uses: list[VariableUse] = []
        self._scopes: list[set[str]] = [set()]
        self._guarded: list[frozenset[str]] = []

    # -- bookkeeping

    @contextmanager
    def _scope(self, names: Iterable[str] = ()) -> Iterator[None]:
        self._scopes.append(set(names))
        yield
        self._scopes.pop()

    @contextmanager
    def _knowing(self, paths: frozenset[str]) -> Iterator[None]:
        self._guarded.append(paths)
        yield
        self._guarded.pop()

    def _visit_all(self, body: Iterable[nodes.Node]) -> None:
        for node in body:
            self.visit(node)

    def _declare(self, target: nodes.Node) -> None:
        self._scopes[-1].update(name.name for name in _names(target))

    def _record(self, node: nodes.Node, *, guarded: bool = False) -> bool:
        """Notes the use of a path; False where the node is no path."""
        found = _path_of(node)
        if found is None:
            return False
        root, path, computed = found
        self._visit_all(computed)
        if root.ctx == "load" and root.name not in _GLOBAL_NAMES and not any(root.name in s for s in self._scopes):
            guards = {path} if guarded else {known for paths in self._guarded for known in paths}
            self.uses.append(
                VariableUse(
                    path=path,
                    part=self.part,
                    line=int(root.lineno),
                    column=column_of(root.lineno),
                    end_column=column_of(root.lineno) + len(path),
                    certain=max((_shared_beginning(path, guard) for guard in guards), key=len, default=""),
                )
            )
        return True

    # -- expressions

    def visit_Name(self, node: nodes.Name) -> None:
        self._record(node)

    def visit_Getattr(self, node: nodes.Getattr) -> None:
        if not self._record(node):
            self.generic_visit(node)

    def visit_Getitem(self, node: nodes.Getitem) -> None:
        if not self._record(node):
            self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> None:
        """A method's name is no part of the value's path."""
        self.visit(node.node.node if isinstance(node.node, nodes.Getattr) else node.node)
        self._visit_all([*node.args, *node.kwargs])
        self._visit_all(extra for extra in (node.dyn_args, node.dyn_kwargs) if extra is not None)

    def visit_Filter(self, node: nodes.Filter) -> None:
        operand = node.node
        if operand is not None and not (node.name in _DEFAULT_FILTERS and self._record(operand, guarded=True)):
            self.visit(operand)
        self._visit_all([*node.args, *node.kwargs])
        self._visit_all(extra for extra in (node.dyn_args, node.dyn_kwargs) if extra is not None)

    def visit_Test(self, node: nodes.Test) -> None:
        if not (node.name in ("defined", "undefined") and self._record(node.node, guarded=True)):
            self.generic_visit(node)

    def visit_And(self, node: nodes.And) -> None:
        self.visit(node.left)
        with self._knowing(_guards(node.left)[0]):
            self.visit(node.right)

    def visit_Or(self, node: nodes.Or) -> None:
        self.visit(node.left)
        with self._knowing(_guards(node.left)[1]):
            self.visit(node.right)

    def visit_CondExpr(self, node: nodes.CondExpr) -> None:
        self.visit(node.test)
        holds, fails = _guards(node.test)
        with self._knowing(holds):
            self.visit(node.expr1)
        if node.expr2 is not None:
            with self._knowing(fails):
                self.visit(node.expr2)

    # -- statements

    def visit_If(self, node: nodes.If) -> None:
        """A name that only some branches set may still come from outside afterwards."""
        before = set(self._scopes[-1])
        ends: list[set[str]] = []
        known: frozenset[str] = frozenset()
        for branch in (node, *node.elif_):
            with self._knowing(known):
                self.visit(branch.test)
            holds, fails = _guards(branch.test)
            ends.append(self._branch(branch.body, holds | known, before))
            known |= fails
        ends.append(self._branch(node.else_, known, before))
        self._scopes[-1] = set.intersection(*ends)

    def _branch(self, body: list[nodes.Node], known: frozenset[str], before: set[str]) -> set[str]:
        self._scopes[-1] = set(before)
        with self._knowing(known):
            self._visit_all(body)
        return self._scopes[-1]

    def visit_For(self, node: nodes.For) -> None:
        self.visit(node.iter)
        with self._scope({"loop", *(name.name for name in _names(node.target))}):
            if node.test is not None:
                self.visit(node.test)
            self._visit_all(node.body)
        with self._scope():
            self._visit_all(node.else_)

    def visit_Assign(self, node: nodes.Assign) -> None:
        self.visit(node.node)
        self._declare(node.target)

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> None:
        """Unlike an assignment, a block cannot read the outer value of its own name."""
        self._declare(node.target)
        with self._scope():
            self._visit_all(node.body)
            if node.filter is not None:
                self.visit(node.filter)

    def visit_With(self, node: nodes.With) -> None:
        self._visit_all(node.values)
        with self._scope(name.name for target in node.targets for name in _names(target)):
            self._visit_all(node.body)

    def visit_Macro(self, node: nodes.Macro) -> None:
        self._scopes[-1].add(node.name)
        self._visit_all(node.defaults)
        with self._scope({"varargs", "kwargs", "caller", *(name.name for name in node.args)}):
            self._visit_all(node.body)

    def visit_CallBlock(self, node: nodes.CallBlock) -> None:
        self.visit(node.call)
        self._visit_all(node.defaults)
        with self._scope({"varargs", "kwargs", "caller", *(name.name for name in node.args)}):
            self._visit_all(node.body)

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> None:
        self.visit(node.filter)
        with self._scope():
            self._visit_all(node.body)

    def visit_Block(self, node: nodes.Block) -> None:
        with self._scope({"self", "super"}):
            self._visit_all(node.body)

    def visit_Template(self, node: nodes.Template) -> None:
        with self._scope({"self"}):
            self._visit_all(node.body)


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)
