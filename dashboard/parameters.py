"""What comes with a request of a browser, before any form or query reads it.

No database text can hold a NUL: PostgreSQL refuses the statement, SQLite cuts off what follows in some of its
functions. Nobody types one, pasted text may carry one, and a search for one finds nothing, so it is left out. The API
refuses it instead (`dashboard.api.bodies`): a program has to learn that it sends something else than it thinks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, Request, abort, request
from werkzeug.datastructures import ImmutableMultiDict

from dashboard.api.resource import PREFIX

NUL = "\x00"


class TextWithoutNul(ImmutableMultiDict[str, Any]):
    """Fields of a query or a form; files, which come in one of these too, stay as they are."""

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__((name.replace(NUL, ""), _cleaned(value)) for name, value in pairs)


def _cleaned(value: Any) -> Any:
    return value.replace(NUL, "") if isinstance(value, str) else value


class DeskRequest(Request):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if not self.path.startswith(PREFIX):
            self.parameter_storage_class = TextWithoutNul


def _refuse_nul_in_path() -> None:
    """Names and tokens in addresses are looked up as they are."""
    if NUL in request.path and not request.path.startswith(PREFIX):
        abort(404)


def init_app(app: Flask) -> None:
    app.request_class = DeskRequest
    app.before_request(_refuse_nul_in_path)
