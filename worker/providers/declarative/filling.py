"""Fills the places of a description, written {like_this}, with the values of messages."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
#: Places that differ between the messages of one call by their nature; in a shared text they are joined.
RECIPIENTS = frozenset({"to", "to_digits", "to_national"})
_BETWEEN_RECIPIENTS = ","
_NOTHING: tuple[Any, ...] = ("", None, {})

Values = Mapping[str, Any]


def places(structure: Any) -> Iterator[str]:
    """The names of all places in a structure."""
    if isinstance(structure, str):
        yield from _PLACE.findall(structure)
    elif isinstance(structure, Mapping):
        for value in structure.values():
            yield from places(value)
    elif isinstance(structure, list | tuple):
        for value in structure:
            yield from places(value)


def shared_places(structure: Any) -> set[str]:
    """The places outside the lists that are repeated: messages of one call must agree in them."""
    if isinstance(structure, str):
        return set(_PLACE.findall(structure)) - RECIPIENTS
    if isinstance(structure, Mapping):
        return set().union(*map(shared_places, structure.values()))
    if isinstance(structure, list | tuple):
        return set() if _is_repeated(structure) else set().union(*map(shared_places, structure))
    return set()


def fill(structure: Any, messages: Sequence[Values], quote: Callable[[str], str] = str) -> Any:
    """The structure for these messages. `quote` makes a value fit into the text around it.

    A text that is one place takes the value as it is (a number, a truth value); a pair whose value would become empty
    is left out, so optional parameters need no condition.
    """
    if isinstance(structure, str):
        return _fill_text(structure, messages, quote)
    if isinstance(structure, Mapping):
        filled = {name: fill(value, messages, quote) for name, value in structure.items()}
        return {name: value for name, value in filled.items() if value not in _NOTHING or structure[name] == value}
    if isinstance(structure, list | tuple):
        if _is_repeated(structure):
            return [fill(structure[0], [message], quote) for message in messages]
        return [fill(value, messages, quote) for value in structure]
    return structure


def _is_repeated(structure: Sequence[Any]) -> bool:
    return len(structure) == 1 and not RECIPIENTS.isdisjoint(places(structure))


def _fill_text(text: str, messages: Sequence[Values], quote: Callable[[str], str]) -> Any:
    whole = _PLACE.fullmatch(text)
    if whole:
        value = _value(whole.group(1), messages)
        return quote(value) if isinstance(value, str) else value
    return _PLACE.sub(lambda place: quote(str(_value(place.group(1), messages))), text)


def _value(name: str, messages: Sequence[Values]) -> Any:
    if name in RECIPIENTS:
        return _BETWEEN_RECIPIENTS.join(str(message[name]) for message in messages)
    return messages[0][name]
