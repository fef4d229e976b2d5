"""Judges the rows of a batch: the record that is loaded, or the reason for which the row is rejected.

Nearly all rows of a file are plain, so a batch is handled column by column in C speed; what is not plain (blank or
odd addresses, ragged rows, NUL, bad bytes) is judged one by one. Both ways give the same (a property test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

from worker.imports.blocks import Batch
from worker.imports.emails import NotAnEmail, unusual
from worker.imports.emails import normalised as normalised_email
from worker.imports.mapping import ADDRESSES, Column, Target
from worker.imports.phones import NotAPhone, PhoneColumn
from worker.imports.reading import BAD_BYTES
from worker.imports.reasons import REASONS
from worker.imports.rejects import unguarded
from worker.imports.staging import NULL, Fields, Rows, escape, escaped
from worker.imports.variables import Variables

EXTERNAL_ID_LENGTH: Final = 200
_Odd = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is not loaded: `row` as the spreadsheet counts, `column` "" where it is the row as a whole."""

    row: int
    cells: Sequence[str]
    code: str
    column: str = ""
    value: str = ""
    expected: str = ""


@dataclass(slots=True)
class Checked:
    """What became of a batch. `rows` are staged as they are; `filled` counts values by column of the file."""

    rows: Rows = field(default_factory=Rows)
    rejects: list[Reject] = field(default_factory=list)
    blank: int = 0
    filled: list[int] = field(default_factory=list)


class _Refused(Exception):
    def __init__(self, code: str, column: str = "", value: str = "", expected: str = "") -> None:
        super().__init__(code)
        self.reject = (code, column, value, expected)


class RowChecker:
    """Judges rows by a mapping that has no problems (`mapping.problems`)."""

    def __init__(self, columns: Sequence[Column], *, country: str, given_back: bool = False) -> None:
        self._names = [column.name for column in columns]
        self._width = len(columns)
        at = {column.target: index for index, column in enumerate(columns) if column.target != Target.VARIABLE}
        self._email, self._phone = at.get(Target.EMAIL, -1), at.get(Target.PHONE, -1)
        self._external, self._push = at.get(Target.EXTERNAL_ID, -1), at.get(Target.PUSH_TOKEN, -1)
        variables = [(index, column) for index, column in enumerate(columns) if column.target == Target.VARIABLE]
        self._at = [index for index, _ in variables]
        self._variables = Variables([column.variable for _, column in variables])
        self._used = {index for index, column in enumerate(columns) if column.target != Target.IGNORE}
        self._phones = PhoneColumn(country)
        addresses = [target for target in ADDRESSES if target in at]
        self._missing = f"{addresses[0]}_missing" if len(addresses) == 1 else "address_missing"
        self._missing_column = self._names[at[addresses[0]]] if len(addresses) == 1 else ""
        self._given_back = given_back

    def check(self, batch: Batch) -> Checked:
        """Judge every row of the batch, in its order."""
        checked = Checked(filled=[0] * self._width)
        for broken in batch.broken:
            checked.rejects.append(Reject(broken.row, [broken.text], broken.code, value=broken.text))
        numbers: Sequence[int] = batch.numbers
        odd: list[_Odd] = []
        columns = None if batch.suspect or self._given_back else batch.columns(self._width)
        if columns is None:
            numbers, rows, odd = self._plain_ones(batch)
            columns = list(map(list, zip(*rows, strict=True)))
        if numbers:
            checked.rows, left = self._check_columns(numbers, columns, checked, plain=batch.plain)
            odd += left
        judged = [(number, fields) for number, row in odd if (fields := self._check_one(number, row, checked))]
        checked.rows = checked.rows.joined(judged)
        checked.rejects.sort(key=lambda reject: reject.row)
        return checked

    def _plain_ones(self, batch: Batch) -> tuple[list[int], list[list[str]], list[_Odd]]:
        """Rows of the right width without doubtful characters, and the others with their numbers."""
        numbers: list[int] = []
        rows: list[list[str]] = []
        odd: list[_Odd] = []
        for number, row in zip(batch.numbers, batch.rows, strict=True):
            doubtful = batch.suspect and (has_nul(row) or has_bad_bytes(row))
            if len(row) != self._width or doubtful or self._given_back:
                odd.append((number, row))
            else:
                numbers.append(number)
                rows.append(row)
        return numbers, rows, odd

    def _check_columns(
        self, numbers: Sequence[int], columns: list[list[str]], checked: Checked, *, plain: bool
    ) -> tuple[Rows, list[_Odd]]:
        """The plain rows, ready to be staged; and those that want a closer look."""
        cells = [list(map(str.strip, column)) for column in columns]
        fields = self._fields(cells)
        doubtful = self._doubtful(fields, cells)
        left: list[_Odd] = []
        if doubtful:
            left = [(numbers[at], [column[at] for column in columns]) for at in sorted(doubtful)]
            kept = [at not in doubtful for at in range(len(numbers))]
            numbers = list(compress(numbers, kept))
            cells, fields = ([list(compress(column, kept)) for column in table] for table in (cells, fields))
        count = len(numbers)
        if not count:
            return Rows(), left
        for index in self._used:
            checked.filled[index] += count - cells[index].count("")
        variables = self._variables.of_columns([cells[index] for index in self._at], count, plain=plain)
        texts = [None if column.count(NULL) == count else "\n".join(column) for column in fields]
        return Rows(numbers, (*texts, variables)), left

    def _fields(self, cells: list[list[str]]) -> list[list[str]]:
        """Email, phone, external id and push token of every row as they are staged; "" where it is not plain."""
        nulls = [NULL] * len(cells[0])
        emails = list(map(str.lower, cells[self._email])) if self._email >= 0 else nulls
        texts = self._column(cells, self._phone)
        phones = self._phones.quick_all(texts) if texts else []
        if "" in texts:
            phones = [phone if text else NULL for phone, text in zip(phones, texts, strict=True)]
        externals, pushes = (escaped(self._column(cells, index)) for index in (self._external, self._push))
        return [column or nulls for column in (emails, phones, externals, pushes)]

    def _column(self, cells: list[list[str]], index: int) -> list[str]:
        return cells[index] if index >= 0 else []

    def _doubtful(self, fields: list[list[str]], cells: list[list[str]]) -> set[int]:
        """Places of the rows whose addresses are blank or not plain, or whose id is long."""
        emails, phones, _, pushes = fields
        doubtful: set[int] = set()
        if self._email >= 0:
            doubtful.update(unusual(emails))
        else:  # the row needs another address
            doubtful.update(at for at, pair in enumerate(zip(phones, pushes, strict=True)) if pair == (NULL, NULL))
        if "" in phones:
            doubtful.update(at for at, phone in enumerate(phones) if not phone)
        externals = self._column(cells, self._external)
        if externals and max(map(len, externals)) > EXTERNAL_ID_LENGTH:
            doubtful.update(at for at, text in enumerate(externals) if len(text) > EXTERNAL_ID_LENGTH)
        return doubtful

    def _count(self, row: Sequence[str], checked: Checked) -> None:
        for index in self._used:
            if row[index].strip():
                checked.filled[index] += 1

    def _check_one(self, number: int, row: list[str], checked: Checked) -> Fields | None:
        """The row as it is staged, if it is valid."""
        cells = [unguarded(cell) for cell in row] if self._given_back else row
        if not any(map(str.strip, cells)):
            checked.blank += 1
            return None
        try:
            fields = self._judge(cells)
        except _Refused as refused:
            checked.rejects.append(Reject(number, cells, *refused.reject))
            return None
        self._count(cells, checked)
        return fields

    def _judge(self, row: Sequence[str]) -> Fields:
        """The row as it is staged; _Refused with the first reason found."""
        self._check_shape(row)
        cells = [cell.strip() for cell in row]
        email = self._address(cells, self._email, "email_invalid")
        phone = self._address(cells, self._phone, "phone_invalid")
        external = cells[self._external] if self._external >= 0 else ""
        push = cells[self._push] if self._push >= 0 else ""
        if len(external) > EXTERNAL_ID_LENGTH:
            raise _Refused("external_id_too_long", self._names[self._external], external)
        if not (email or phone or push):
            raise _Refused(self._missing, self._missing_column)
        variables = self._variables.of_row([cells[index] for index in self._at])
        return escape(email), escape(phone), escape(external), escape(push), variables

    def _check_shape(self, row: Sequence[str]) -> None:
        if has_nul(row):
            raise _Refused("nul_byte", *self._where(row, "\0"))
        if has_bad_bytes(row):
            raise _Refused("bad_encoding", *self._where(row, BAD_BYTES))
        if len(row) < self._width:
            raise _Refused("too_few_cells", expected=f"{self._width} cells, the row has {len(row)}")
        if any(cell.strip() for cell in row[self._width :]):
            raise _Refused(
                "too_many_cells",
                value=row[self._width],
                expected=f"{self._width} cells, the row has {len(row)}",
            )

    def _where(self, row: Sequence[str], character: str) -> tuple[str, str]:
        """(column, value) of the first cell that holds the character."""
        for index, cell in enumerate(row):
            if character in cell:
                return (self._names[index] if index < self._width else ""), cell
        return "", ""

    def _address(self, cells: Sequence[str], index: int, code: str) -> str:
        if index < 0 or not cells[index]:
            return ""
        try:
            return normalised_email(cells[index]) if index == self._email else self._phones.normalised(cells[index])
        except (NotAnEmail, NotAPhone) as error:
            raise _Refused(code, self._names[index], cells[index], str(error)) from None


def has_nul(row: Sequence[str]) -> bool:
    return any("\0" in cell for cell in row)


def has_bad_bytes(row: Sequence[str]) -> bool:
    """Whether a cell holds bytes that its encoding does not know (`reading` marks them)."""
    return any(BAD_BYTES in cell for cell in row)


def words(reject: Reject) -> tuple[str, str]:
    """(reason, expected) for the rejects file and the examples."""
    reason = REASONS[reject.code]
    return reason.text, reject.expected or reason.expected
