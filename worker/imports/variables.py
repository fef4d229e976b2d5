"""The variables of rows as JSON objects, escaped for staging: a column at a time, or one row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from json import encoder
from typing import Final

from worker.imports.blocks import is_odd

_encode: Final = encoder.encode_basestring


class Variables:
    """Makes objects with these names as keys. Blank values are left out: they are missing."""

    def __init__(self, names: Sequence[str]) -> None:
        self._keys = [f"{_encode(name)}:" for name in names]

    def of_row(self, values: Sequence[str]) -> str:
        """One row's object."""
        pairs = [key + _encode(value) for key, value in zip(self._keys, values, strict=True) if value]
        return ("{" + ",".join(pairs) + "}").replace("\\", "\\\\")

    def of_columns(self, columns: Sequence[list[str]], count: int, *, plain: bool) -> str:
        """The objects of `count` rows with \\n between them. `plain`: no value needs an escape, as far as is known."""
        if not columns or not count:
            return "\n".join(["{}"] * count)
        odd = [not plain and is_odd("".join(column)) for column in columns]
        pieces = []
        before = "{"
        for key, column, quoted in zip(self._keys, columns, odd, strict=True):
            pieces += [repeat(before + key + ("" if quoted else '"')), map(_encode, column) if quoted else column]
            before = "," if quoted else '",'
        ends = chain(repeat(before.replace(",", "}\n"), count - 1), [before.replace(",", "}")])
        text = "".join(chain.from_iterable(zip(*pieces, ends)))  # noqa: B905 - repeat has no end
        text = self._without_blanks(text, columns)
        return text.replace("\\", "\\\\") if any(odd) else text

    def _without_blanks(self, text: str, columns: Sequence[list[str]]) -> str:
        # Quotes within values have a backslash before them, and no value's closing quote has a colon behind it: what
        # looks like a key with a blank value is one.
        for key, column in list(zip(self._keys, columns, strict=True))[:-1]:
            if "" in column:
                text = text.replace(f'{key}"",', "")
        if "" in columns[-1]:
            text = text.replace(f',{self._keys[-1]}""}}', "}").replace(f'{{{self._keys[-1]}""}}', "{}")
        return text
