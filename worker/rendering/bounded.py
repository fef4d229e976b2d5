"""Operators, filters and methods of templates, each unable to make something huge in one step.

A watchdog can stop a loop between two steps but not `"a" * 10**10` in the middle of one. So what multiplies is measured
before it is done (LimitExceeded), and what only copies is charged to the rendering's allowance after it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping
from sys import getsizeof
from typing import Any, Final

from jinja2 import Environment, pass_eval_context
from jinja2.filters import make_attrgetter
from jinja2.nodes import EvalContext
from jinja2.runtime import Undefined
from jinja2.sandbox import SandboxedEscapeFormatter, SandboxedFormatter
from markupsafe import Markup

from worker.rendering.limits import MAXIMUM_OUTPUT, LimitExceeded, spend

__all__ = [
    "OPERATORS",
    "bounded_format",
    "bounded_range",
    "charge",
    "charged_filters",
    "check_call",
    "is_bounded_attribute",
]

MAXIMUM_RANGE: Final = 100_000
_MAXIMUM_BITS: Final = 4_096  # of a whole number: 1,233 digits
_MAXIMUM_WIDTH: Final = 1_000  # of one padded field
_MAXIMUM_PRECISION: Final = 30

#: Gone: random results cannot be rendered again, debugging output and links out of values do not belong into mail.
_REMOVED_FILTERS: Final = frozenset({"random", "pprint", "urlize"})

#: Methods that make binary data or take a table as big as their result.
_REMOVED_METHODS: Final = frozenset(
    {"encode", "decode", "translate", "maketrans", "to_bytes", "from_bytes", "format_map"}
)

_SIZED: Final = (str, list, tuple, dict, set, frozenset, bytes)
_PERCENT_FIELD = re.compile(r"%(?:\([^()]*\))?([^a-zA-Z%]*)")


def charge(value: Any) -> Any:
    """Charges a freshly made string or collection to the rendering, and returns it."""
    if isinstance(value, _SIZED):
        spend(getsizeof(value))
    return value


def bounded_range(*arguments: int) -> range:
    """`range` of at most MAXIMUM_RANGE numbers."""
    numbers = range(*arguments)
    if len(numbers) > MAXIMUM_RANGE:
        raise LimitExceeded(f"range() makes more than {MAXIMUM_RANGE:,} numbers")
    return numbers


def _refuse_longer(length: int) -> None:
    if length > MAXIMUM_OUTPUT:
        raise LimitExceeded(f"a step makes more than {MAXIMUM_OUTPUT:,} characters or items")


def _refuse_wider(width: Any, maximum: int = _MAXIMUM_WIDTH) -> None:
    if isinstance(width, int) and abs(width) > maximum:
        raise LimitExceeded(f"{width} is more than the {maximum:,} allowed here")


# -- operators ---------------------------------------------------------------------------------------------------------


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, _SIZED) and isinstance(right, _SIZED):
        _refuse_longer(len(left) + len(right))
    return charge(left + right)


def _multiply(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        if left.bit_length() + right.bit_length() > _MAXIMUM_BITS:
            raise LimitExceeded("the product has too many digits")
    elif isinstance(left, _SIZED) and isinstance(right, int):
        _refuse_longer(len(left) * right)
    elif isinstance(right, _SIZED) and isinstance(left, int):
        _refuse_longer(len(right) * left)
    return charge(left * right)


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > _MAXIMUM_BITS:
        raise LimitExceeded("the power has too many digits")
    return left**right


def _modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        _check_percent_format(left, right)
    return charge(left % right)


OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": _add,
    "*": _multiply,
    "**": _power,
    "%": _modulo,
}


# -- text formats ------------------------------------------------------------------------------------------------------


def _check_percent_format(template: str, values: Any) -> None:
    """Refuses widths of four digits, widths out of arguments, and many fields of one long value."""
    for field in _PERCENT_FIELD.finditer(template):
        if "*" in field[1] or "(" in field[1] or re.search(r"\d{4}", field[1]):
            raise LimitExceeded(f"the field width in {field[0][:40]!r} is more than is allowed")
    if isinstance(values, Mapping):
        values = values.values()
    elif not isinstance(values, (tuple, list)):
        values = (values,)
    longest = max((len(value) for value in values if isinstance(value, _SIZED)), default=0)
    _refuse_longer(template.count("%") * max(longest, 1))


class _BoundedFields:
    """Mixed into the sandbox's formatters: bounds each field's width and the sum of all fields."""

    _made = 0

    def format_field(self, value: Any, format_spec: str) -> Any:
        if re.search(r"\d{4}", format_spec):
            raise LimitExceeded(f"the field width {format_spec[:40]!r} is more than is allowed")
        result = super().format_field(value, format_spec)  # type: ignore[misc]
        self._made += len(result)
        _refuse_longer(self._made)
        return result


class _Formatter(_BoundedFields, SandboxedFormatter):
    pass


class _EscapeFormatter(_BoundedFields, SandboxedEscapeFormatter):
    pass


def bounded_format(environment: Environment, method: Any) -> Callable[..., str] | None:
    """A bounded stand-in for `text.format`; None where `method` is something else."""
    text = getattr(method, "__self__", None)
    if not isinstance(text, str) or getattr(method, "__name__", "") != "format":
        return None

    def format(*args: Any, **kwargs: Any) -> str:  # noqa: A001
        if isinstance(text, Markup):
            markup = _EscapeFormatter(environment, escape=text.escape).vformat(text, args, kwargs)
            return Markup(charge(markup))  # noqa: S704 - its values were escaped by the formatter
        return str(charge(_Formatter(environment).vformat(text, args, kwargs)))

    return format


# -- calls -------------------------------------------------------------------------------------------------------------


def is_bounded_attribute(obj: Any, name: str) -> bool:
    """Whether templates may see this attribute at all."""
    return name not in _REMOVED_METHODS or not isinstance(obj, (str, int, bytes))


def check_call(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Measures a method call on text before it is made; returns the arguments, iterators among them read out."""
    text = getattr(function, "__self__", None)
    if not isinstance(text, str):
        return args
    name = getattr(function, "__name__", "")
    if name in ("center", "ljust", "rjust", "zfill", "expandtabs"):
        for value in (*args, *kwargs.values()):
            _refuse_wider(value, 16 if name == "expandtabs" else _MAXIMUM_WIDTH)
    elif name == "replace" and len(args) > 1:
        _check_replace(text, str(args[0]), str(args[1]))
    elif name == "join" and args:
        return (_measured(text, args[0]),)
    return args


def _check_replace(text: str, old: str, new: str) -> None:
    _refuse_longer(len(text) + text.count(old) * len(new))


def _measured(separator: str, values: Iterable[Any]) -> list[Any]:
    """The values as a list, once it is known that joining them stays within bounds."""
    taken: list[Any] = []
    length = 0
    for value in values:
        length += len(separator) + (len(value) if isinstance(value, str) else len(str(value)))
        _refuse_longer(length)
        taken.append(value)
    return taken


# -- filters -----------------------------------------------------------------------------------------------------------


def _check_center(_value: Any, width: Any = 80) -> None:
    _refuse_wider(width)


def _check_indent(value: Any, width: Any = 4, *_rest: Any, **_named: Any) -> None:
    _refuse_longer((str(value).count("\n") + 2) * (len(width) if isinstance(width, str) else int(width)))


def _check_rows(_value: Any, number: Any = 1, *_rest: Any, **_named: Any) -> None:
    _refuse_wider(number)


def _check_round(_value: Any, precision: Any = 0, *_rest: Any, **_named: Any) -> None:
    _refuse_wider(precision, _MAXIMUM_PRECISION)


def _check_tojson(_value: Any, indent: Any = None) -> None:
    _refuse_wider(indent, 8)


def _check_wordwrap(value: Any, width: Any = 79, *rest: Any, **named: Any) -> None:
    wrapped_with = named.get("wrapstring") or (rest[1] if len(rest) > 1 else None) or "\n"
    text = str(value)
    lines = len(text) // max(1, int(width)) + text.count("\n") + 2
    _refuse_longer(len(text) + lines * 2 * len(str(wrapped_with)))


def _check_replace_filter(value: Any, old: Any, new: Any, *_rest: Any, **_named: Any) -> None:
    _check_replace(str(value), str(old), str(new))


def _check_format(value: Any, *args: Any, **kwargs: Any) -> None:
    _check_percent_format(str(value), kwargs or args)


def _check_sum(_value: Any, _attribute: Any = None, start: Any = 0, **_named: Any) -> None:
    if not isinstance(start, (int, float)):
        raise TypeError("sum() adds numbers only")


_CHECKS: Final[dict[str, Callable[..., None]]] = {
    "center": _check_center,
    "indent": _check_indent,
    "batch": _check_rows,
    "slice": _check_rows,
    "round": _check_round,
    "tojson": _check_tojson,
    "wordwrap": _check_wordwrap,
    "replace": _check_replace_filter,
    "format": _check_format,
    "sum": _check_sum,
}


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Jinja's default(), for null and blank as well: an empty cell of a spreadsheet is a missing value to its owner."""
    if value is None or isinstance(value, Undefined) or (isinstance(value, str) and not value.strip()):
        return default_value
    return default_value if boolean and not value else value


def _bounded_join(original: Callable[..., Any]) -> Callable[..., Any]:
    @pass_eval_context
    def join(context: EvalContext, value: Iterable[Any], d: Any = "", attribute: str | int | None = None) -> Any:
        if attribute is not None:
            value = map(make_attrgetter(context.environment, attribute), value)
        return charge(original(context, _measured(str(d), value), d))

    return join


def _charged(original: Callable[..., Any], check: Callable[..., None] | None) -> Callable[..., Any]:
    """The filter, measured before and charged after; Jinja's marks on the function are kept."""
    passed = 1 if hasattr(original, "jinja_pass_arg") else 0

    @functools.wraps(original)
    def run(*args: Any, **kwargs: Any) -> Any:
        if check is not None:
            check(*args[passed:], **kwargs)
        return charge(original(*args, **kwargs))

    return run


def charged_filters(filters: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Jinja's filters without the unwanted ones, each within bounds."""
    kept = {
        name: _charged(function, _CHECKS.get(name))
        for name, function in filters.items()
        if name not in _REMOVED_FILTERS
    }
    kept["default"] = kept["d"] = _default
    kept["join"] = _bounded_join(filters["join"])
    return kept
