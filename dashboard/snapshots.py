"""Things made of rows that are read each time: while the rows are as they were, nothing is made again.

A thing is kept under everything that it was made of. So none grows old, whichever process changes a row: the next look
reads other columns. They belong to no session: read them, and change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import JSON, ColumnElement, Text, cast

from dashboard.extensions import Base

Made = TypeVar("Made")
Model = TypeVar("Model", bound=Base)
#: So many of a kind; then all are forgotten, which costs less than to know which was used last.
_MOST: Final = 256


class Snapshots(Generic[Made]):
    """Things of one kind, for the whole process."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Made] = {}

    def of(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was made under this key, or is made now."""
        found = self._kept.get(key)
        if found is None:
            found = make()
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[key] = found
        return found


class Whole(Generic[Model]):
    """The columns of a table that are looked at, and objects made of them."""

    def __init__(self, model: type[Model], *names: str) -> None:
        self._model = model
        self._names = names
        table = model.__table__
        self._json = [isinstance(table.columns[name].type, JSON) for name in names]

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """For a SELECT; JSON as its text, which can be compared."""
        found = (getattr(self._model, name) for name in self._names)
        return [cast(column, Text) if is_json else column for column, is_json in zip(found, self._json, strict=True)]

    def made(self, values: Sequence[Any]) -> Model:
        """An object of them, in no session."""
        given = {
            name: json.loads(value) if is_json else value
            for name, value, is_json in zip(self._names, values, self._json, strict=True)
        }
        return self._model(**given)
