"""The Jinja dialect of templates: immutable sandbox, strict variables, every step bounded.

Two dialects differ in escaping only: `html_environment` escapes what it prints, `plain_environment` (subject, text,
headers) does not. Differences from stock Jinja, each for operators who write emails and not programs:

- `order.items` is the key of a mapping first and a method second.
- `a.b.c` of a missing `a` is undefined as a whole, so `{{ a.b.c|default("-") }}` works; printing it is an error.
- None prints as nothing, never as "None"; `default` is used for None and for blank text too, because an empty cell of a
  spreadsheet arrives as one of them.
- No random, lipsum, pprint, include, import or extends: a message must render the same again from its frozen inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from sys import getsizeof
from typing import Any, Final

from jinja2 import StrictUndefined, nodes
from jinja2.compiler import CodeGenerator, Frame, optimizeconst
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.lexer import TokenStream
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, _escape_inner, escape  # type: ignore[attr-defined] # its words for plain texts

from worker.rendering import bounded
from worker.rendering.limits import MAXIMUM_OUTPUT, LimitExceeded, spend
from worker.rendering.positions import PositionedParser, token_stream

__all__ = ["EmailEnvironment", "MissingVariable", "UndefinedVariable", "html_environment", "plain_environment"]

_PIECES_AT_ONCE: Final = 128
"""Pieces taken before their length is looked at: a loop over a long value must not fill the memory first."""


class UndefinedVariable(UndefinedError):
    """A value that does not exist was needed; `path` is its name, dotted as far as it is known at run time."""

    def __init__(self, path: str, inside_value: bool) -> None:
        super().__init__(f"{path} is undefined")
        self.path = path
        self.inside_value = inside_value


class MissingVariable(StrictUndefined):
    """An undefined value that keeps its whole path, and fails as soon as it is used for anything but default()."""

    __slots__ = ()

    def _fail_with_undefined_error(self, *_args: Any, **_kwargs: Any) -> Any:
        if self._undefined_exception is not UndefinedError:
            raise self._undefined_exception(self._undefined_message)
        raise UndefinedVariable(str(self._undefined_name), isinstance(self._undefined_obj, dict))

    __add__ = __radd__ = __sub__ = __rsub__ = _fail_with_undefined_error
    __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _fail_with_undefined_error
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _fail_with_undefined_error
    __pos__ = __neg__ = __call__ = __int__ = __float__ = __complex__ = _fail_with_undefined_error
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _fail_with_undefined_error
    __pow__ = __rpow__ = __iter__ = __str__ = __len__ = __bool__ = __contains__ = _fail_with_undefined_error
    __hash__ = _fail_with_undefined_error

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__" and name[-2:] == "__":
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, key: Any) -> MissingVariable:  # type: ignore[override]
        if self._undefined_exception is not UndefinedError:
            self._fail_with_undefined_error()
        name = f"{self._undefined_name}.{key}" if isinstance(key, str) else self._undefined_name
        return type(self)(obj=self._undefined_obj, name=name)


class _BoundedCodeGenerator(CodeGenerator):
    """Sends `~` through the environment, as the sandbox does with the other operators, and charges what is buffered.

    What a template prints is measured on its way out (`concat`); what a macro or a block prints is collected first.

    Two things happen some thirty times a message and almost always to a plain text or a plain dict, so those are told
    apart in the code itself: printing a value (0.1 µs where Jinja's calls of `finalize` and `escape` take 0.9) and
    reading an attribute.
    """

    def write_commons(self) -> None:
        """What every function begins with."""
        self.writeline("escape_text = environment.escape_text")
        super().write_commons()

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if frame.buffer is not None:
            self.write("environment.charge(")
        if not frame.eval_ctx.volatile:
            self.write("(escape_text(printed)" if frame.eval_ctx.autoescape else "(printed")
            self.write(" if (printed := ")
        else:
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if not frame.eval_ctx.volatile:
            unusual = "escape" if frame.eval_ctx.autoescape else "str"
            self.write(f").__class__ is str else {unusual}({finalize.src or '('}printed)))")
        else:
            super()._output_child_post(node, frame, finalize)
        if frame.buffer is not None:
            self.write(")")

    @optimizeconst
    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        name = repr(node.attr)
        self.write(f"(holder[{name}] if (holder := ")
        self.visit(node.node, frame)
        self.write(f").__class__ is dict and {name} in holder else environment.getattr(holder, {name}))")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        sliced = isinstance(node.arg, nodes.Slice)  # the one subscript that does not pass the environment
        if sliced:
            self.write("environment.charge(")
        super().visit_Getitem(node, frame)
        if sliced:
            self.write(")")

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        escaping = "context.eval_ctx.autoescape" if frame.eval_ctx.volatile else repr(frame.eval_ctx.autoescape)
        self.write(f"environment.join_values({escaping}, (")
        for operand in node.nodes:
            self.visit(operand, frame)
            self.write(", ")
        self.write("))")


def _print_nothing_for_none(value: Any) -> Any:
    return "" if value is None else value


class EmailEnvironment(ImmutableSandboxedEnvironment):
    """One dialect; see the head of this module."""

    code_generator_class = _BoundedCodeGenerator
    intercepted_binops = frozenset(bounded.OPERATORS)
    charge = staticmethod(bounded.charge)
    escape_text = staticmethod(_escape_inner)

    def __init__(self, *, autoescape: bool, undefined: type[Undefined] = MissingVariable) -> None:
        super().__init__(autoescape=autoescape, undefined=undefined, finalize=_print_nothing_for_none, cache_size=0)
        del self.globals["lipsum"]
        self.globals["range"] = bounded.bounded_range
        self.binop_table.update(bounded.OPERATORS)
        self.filters = bounded.charged_filters(self.filters)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return PositionedParser(self, source, name, filename).parse()

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return token_stream(self, source, name, filename, state)

    def concat(self, pieces: Iterable[str]) -> str:
        """Joins the pieces of a part, a macro or a block; raises LimitExceeded before anything huge is made."""
        joined = "".join(self.take(pieces))
        spend(getsizeof(joined))
        return joined

    def take(self, pieces: Iterable[str]) -> list[str]:
        """The pieces, of a bounded length together; raises LimitExceeded."""
        rest = iter(pieces)
        taken = list(islice(rest, _PIECES_AT_ONCE))
        length = sum(map(len, taken))
        if len(taken) == _PIECES_AT_ONCE:
            for more in _chunks(rest):
                taken += more
                length += sum(map(len, more))
                if length > MAXIMUM_OUTPUT:
                    break
        if length > MAXIMUM_OUTPUT:
            raise LimitExceeded(f"the output is longer than {MAXIMUM_OUTPUT:,} characters")
        return taken

    def join_values(self, escaping: bool, values: tuple[Any, ...]) -> str:
        """The `~` operator; what is joined is escaped where one operand is markup already."""
        values = tuple("" if value is None else value for value in values)
        if escaping and any(hasattr(value, "__html__") for value in values):
            return Markup(self.concat([escape(value) for value in values]))  # noqa: S704 - every piece is escaped
        return self.concat([str(value) for value in values])

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`, the key of a mapping before the method."""
        if isinstance(obj, dict):
            try:
                return obj[attribute]
            except KeyError:
                pass
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Keeps away what makes huge or binary results of small input."""
        return bounded.is_bounded_attribute(obj, attr) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`"…".format`, with the widths and the size of the result bounded."""
        return bounded.bounded_format(self, value)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A call out of a template: bounded before, charged after."""
        if isinstance(obj, Undefined):
            return obj()
        args = bounded.check_call(obj, args, kwargs)
        if not self.is_safe_callable(obj):
            raise SecurityError(f"{obj!r} may not be called")
        return bounded.charge(context.call(obj, *args, **kwargs))


def _chunks(pieces: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(pieces, _PIECES_AT_ONCE)):
        yield chunk


def html_environment(undefined: type[Undefined] = MissingVariable) -> EmailEnvironment:
    """The dialect of the HTML part: what is printed is escaped."""
    return EmailEnvironment(autoescape=True, undefined=undefined)


def plain_environment(undefined: type[Undefined] = MissingVariable) -> EmailEnvironment:
    """The dialect of subject, text part and headers: nothing is escaped."""
    return EmailEnvironment(autoescape=False, undefined=undefined)
