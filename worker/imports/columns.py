"""The columns of a dataset version: those of the file, joined with those of the records that it adds to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Column = dict[str, Any]


def merged_columns(
    base: Sequence[Column], new: Sequence[Column], replaced: Iterable[Mapping[str, Any]] = ()
) -> list[Column]:
    """The base's columns and the new ones, by what they are used for; `filled` is the sum of both.

    `replaced` are the base's records that new rows take the place of: their values do not count any more.
    """
    gone = _filled(replaced)
    merged = {_use(column): dict(column, filled=column["filled"] - gone[_use(column)]) for column in base}
    for column in new:
        known = merged.get(_use(column))
        if known is None:
            merged[_use(column)] = dict(column)
        else:
            known["filled"] += column["filled"]
            known["sample"] = known["sample"] or column["sample"]
    return list(merged.values())


def _use(column: Mapping[str, Any]) -> str:
    """ "email", or "variable:first_name"."""
    return f"variable:{column['variable']}" if column["target"] == "variable" else str(column["target"])


def _filled(records: Iterable[Mapping[str, Any]]) -> Counter[str]:
    filled: Counter[str] = Counter()
    for record in records:
        filled.update(name for name in ("email", "phone", "external_id", "push_token") if record[name])
        filled.update(f"variable:{name}" for name in json.loads(record["variables"]))
    return filled
