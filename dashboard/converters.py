"""URL parts: public ids, `<pid("cmp"):campaign_id>`, which give their number, and numbers, `<int:number>`, that a
column can hold. 404 for anything else."""

from __future__ import annotations

from typing import Final

from flask import Flask
from werkzeug.routing import BaseConverter, IntegerConverter, Map, ValidationError

from dashboard.ids import parse_public_id, public_id

#: The largest number of an INTEGER column: PostgreSQL refuses a statement with a larger one, SQLite from 2**63 on.
_LARGEST: Final = 2**31 - 1


class ColumnNumberConverter(IntegerConverter):
    """Werkzeug's own, with an end."""

    def __init__(self, map: Map) -> None:  # noqa: A002 - werkzeug's own name
        super().__init__(map, max=_LARGEST)


class PublicIdConverter(BaseConverter):
    """Takes the prefix as its argument; `url_for` is given the number."""

    regex = r"[a-z]{3}_[0-9a-z]{13}"

    def __init__(self, map: Map, prefix: str) -> None:  # noqa: A002 - werkzeug's own name
        super().__init__(map)
        self.prefix = prefix

    def to_python(self, value: str) -> int:
        try:
            return parse_public_id(self.prefix, value)
        except ValueError as error:
            raise ValidationError from error

    def to_url(self, value: int) -> str:
        return public_id(self.prefix, int(value))


def init_app(app: Flask) -> None:
    app.url_map.converters["pid"] = PublicIdConverter
    app.url_map.converters["int"] = ColumnNumberConverter
    app.jinja_env.filters["public"] = lambda number, prefix: public_id(prefix, number)
