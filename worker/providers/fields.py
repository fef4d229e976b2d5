"""Settings of a provider as data: one description makes the form, the checks and the typed values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

FieldKind = Literal["text", "number", "choice", "boolean", "secret", "textarea"]

_TRUE = frozenset({"1", "true", "yes", "on", "y"})
_FALSE = frozenset({"", "0", "false", "no", "off", "n"})


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting. `choices` are (value, label) pairs; `minimum` and `maximum` bound numbers, both inclusive.

    An `advanced` one has a default that serves nearly everybody: the form folds it away.
    """

    name: str
    label: str
    kind: FieldKind = "text"
    help: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[tuple[str, str], ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    advanced: bool = False


def field_errors(fields: Iterable[SettingField], settings: Mapping[str, Any]) -> dict[str, str]:
    """Field name -> what to change, for each field whose value cannot be used."""
    errors = {}
    for field in fields:
        try:
            _read(field, settings.get(field.name))
        except ValueError as error:
            errors[field.name] = str(error)
    return errors


def read_settings(fields: Iterable[SettingField], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Typed values of all fields: numbers as int or float, booleans as bool, the rest as str, blanks as defaults.

    Accepts what a form posts ("8", "on") and what JSON stores (8, true). Raises ValueError with the field's label.
    """
    return {field.name: _read(field, settings.get(field.name)) for field in fields}


def _read(field: SettingField, value: Any) -> Any:
    if isinstance(value, str) and field.kind not in ("secret", "textarea"):
        value = value.strip()
    if value is None or value == "":
        if field.required and field.default is None:
            raise ValueError(f"{field.label} is needed.")
        return _blank(field)
    if field.kind == "number":
        return _number(field, value)
    if field.kind == "boolean":
        return _boolean(field, value)
    if field.kind == "choice":
        return _choice(field, value)
    return str(value)


def _blank(field: SettingField) -> Any:
    if field.default is not None:
        return field.default
    return {"number": 0, "boolean": False}.get(field.kind, "")


def _number(field: SettingField, value: Any) -> int | float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{field.label} must be a number.") from None
    too_small = field.minimum is not None and not number >= field.minimum
    too_large = field.maximum is not None and not number <= field.maximum
    if too_small or too_large or number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"{field.label} must be {_range(field)}.")
    return int(number) if number.is_integer() else number


def _range(field: SettingField) -> str:
    if field.minimum is not None and field.maximum is not None:
        return f"between {field.minimum:g} and {field.maximum:g}"
    if field.minimum is not None:
        return f"{field.minimum:g} or more"
    if field.maximum is not None:
        return f"{field.maximum:g} or less"
    return "a finite number"


def _boolean(field: SettingField, value: Any) -> bool:
    word = str(value).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{field.label} must be on or off.")


def _choice(field: SettingField, value: Any) -> str:
    if str(value) in {choice for choice, _ in field.choices}:
        return str(value)
    raise ValueError(f"{field.label} must be one of {', '.join(label for _, label in field.choices)}.")
