"""Judges the rows of a batch: the record that is loaded, or the reason for which the row is rejected.

Nearly all rows of a file are plain, so a batch is handled column by column in C speed; what is not plain (blank or
odd addresses, ragged rows, NUL, bad bytes) is judged one by one. Both ways give the same (a property test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from json import encoder
from typing import Final

from worker.imports.emails import USUAL, NotAnEmail
from worker.imports.emails import normalised as normalised_email
from worker.imports.mapping import ADDRESSES, Column, Target
from worker.imports.phones import NotAPhone, PhoneColumn
from worker.imports.reading import BAD_BYTES, Batch
from worker.imports.reasons import REASONS
from worker.imports.rejects import unguarded
from worker.imports.staging import LINE, NULL, escape

EXTERNAL_ID_LENGTH: Final = 200
_encode = encoder.encode_basestring


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
    """What became of a batch. `lines` are staged as they are; `filled` counts values by column of the file."""

    lines: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    blank: int = 0
    filled: list[int] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)


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
        self._variables = [index for index, _ in variables]
        self._keys = [f"{_encode(column.variable)}:" for _, column in variables]
        self._template = "{" + ",".join(f"{key}%s" for key in self._keys) + "}"
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
        numbers, rows, odd = self._plain_ones(batch)
        lines: dict[int, str] = {}
        if rows:
            left = self._check_columns(numbers, rows, checked, lines)
            odd += left
        for number, row in odd:
            self._check_one(number, row, checked, lines)
        checked.lines = [lines[number] for number in sorted(lines)] if odd else list(lines.values())
        checked.rejects.sort(key=lambda reject: reject.row)
        return checked

    def _plain_ones(self, batch: Batch) -> tuple[Sequence[int], list[list[str]], list[tuple[int, list[str]]]]:
        """Rows of the right width without doubtful characters, and the others with their numbers."""
        usual = not batch.suspect and not self._given_back and set(map(len, batch.rows)) == {self._width}
        if usual:
            return batch.numbers, batch.rows, []
        numbers: list[int] = []
        rows: list[list[str]] = []
        odd: list[tuple[int, list[str]]] = []
        for number, row in zip(batch.numbers, batch.rows, strict=True):
            doubtful = batch.suspect and (has_nul(row) or has_bad_bytes(row))
            if len(row) != self._width or doubtful or self._given_back:
                odd.append((number, row))
            else:
                numbers.append(number)
                rows.append(row)
        return numbers, rows, odd

    def _check_columns(
        self, numbers: Sequence[int], rows: list[list[str]], checked: Checked, lines: dict[int, str]
    ) -> list[tuple[int, list[str]]]:
        """Stage the plain rows; give back those that want a closer look."""
        columns = [list(map(str.strip, column)) for column in zip(*rows, strict=True)]
        count = len(rows)
        nulls = [NULL] * count
        emails, phones, externals, pushes = nulls, nulls, nulls, nulls
        doubtful: set[int] = set()
        if self._email >= 0:
            emails = list(map(str.lower, columns[self._email]))
            doubtful.update(at for at, found in enumerate(map(USUAL.fullmatch, emails)) if found is None)
        if self._phone >= 0:
            quick = [self._phones.quick(text) if text else NULL for text in columns[self._phone]]
            doubtful.update(at for at, found in enumerate(quick) if found is None)
            phones = [found or NULL for found in quick]
        if self._external >= 0:
            externals = columns[self._external]
            doubtful.update(at for at, text in enumerate(externals) if len(text) > EXTERNAL_ID_LENGTH)
            externals = list(map(escape, externals))
        if self._push >= 0:
            pushes = list(map(escape, columns[self._push]))
        if self._email < 0:  # without an email the row needs another address
            doubtful.update(at for at in range(count) if phones[at] == NULL and pushes[at] == NULL)
        variables = self._jsons([columns[index] for index in self._variables], count)
        made = map(LINE.__mod__, zip(numbers, emails, phones, externals, pushes, variables, strict=True))
        lines.update(zip(numbers, made, strict=True))
        left = [(numbers[at], rows[at]) for at in sorted(doubtful)]
        for index in self._used:
            checked.filled[index] += count - columns[index].count("")
        for number, row in left:
            del lines[number]
            self._count(row, checked, -1)
        kept = [at for at in range(count) if at not in doubtful] if doubtful else range(count)
        if self._email >= 0:
            checked.emails += [emails[at] for at in kept]
        if self._phone >= 0:
            checked.phones += [phones[at] for at in kept if phones[at] != NULL]
        return left

    def _jsons(self, columns: list[list[str]], count: int) -> list[str]:
        """JSON objects of the variables, escaped for staging; blank values are left out: they are missing."""
        if not columns:
            return ["{}"] * count
        encoded = zip(*[map(_encode, column) for column in columns], strict=True)
        if any("" in column for column in columns):
            jsons = [self._sparse(values) if '""' in values else self._template % values for values in encoded]
        else:
            jsons = list(map(self._template.__mod__, encoded))
        return [json.replace("\\", "\\\\") if "\\" in json else json for json in jsons]

    def _sparse(self, values: Sequence[str]) -> str:
        pairs = zip(self._keys, values, strict=True)
        return "{" + ",".join(key + value for key, value in pairs if value != '""') + "}"

    def _count(self, row: Sequence[str], checked: Checked, step: int) -> None:
        for index in self._used:
            if row[index].strip():
                checked.filled[index] += step

    def _check_one(self, number: int, row: list[str], checked: Checked, lines: dict[int, str]) -> None:
        cells = [unguarded(cell) for cell in row] if self._given_back else row
        if not any(map(str.strip, cells)):
            checked.blank += 1
            return
        try:
            email, phone, line = self._judge(number, cells)
        except _Refused as refused:
            checked.rejects.append(Reject(number, cells, *refused.reject))
            return
        lines[number] = line
        self._count(cells, checked, 1)
        checked.emails += [email] if email else []
        checked.phones += [phone] if phone else []

    def _judge(self, number: int, row: Sequence[str]) -> tuple[str, str, str]:
        """(email, phone, staged line); _Refused with the first reason found."""
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
        variables = self._jsons([[cells[index]] for index in self._variables], 1)[0]
        fields = (escape(email), escape(phone), escape(external), escape(push), variables)
        return email, phone, LINE % (number, *fields)

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
