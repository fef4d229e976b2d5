"""What a check found so far: counts, groups with examples, values per column. Small whatever the size of the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from worker.imports.blocks import Batch
from worker.imports.mapping import Column, Target
from worker.imports.rows import Checked, Reject, words

EXAMPLES: Final = 5
_SHOWN: Final = 120
_UNDECODABLE: Final = re.compile(r"[\ud800-\udfff]")


@dataclass(slots=True)
class Tally:
    """`valid` counts rows that can be loaded, before duplicates are taken out; `rejected` includes those."""

    rows: int = 0
    valid: int = 0
    rejected: int = 0
    blank: int = 0
    suppressed: int = 0
    filled: list[int] = field(default_factory=list)
    samples: list[str] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_dict(cls, data: dict[str, Any], width: int) -> Tally:
        """From what `to_dict` gave, or a new one for `width` columns."""
        return cls(**data) if data else cls(filled=[0] * width, samples=[""] * width)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def add(self, checked: Checked) -> None:
        """Count a batch."""
        self.rows += len(checked.rows) + len(checked.rejects)
        self.valid += len(checked.rows)
        self.blank += checked.blank
        for index, count in enumerate(checked.filled):
            self.filled[index] += count
        for reject in checked.rejects:
            self.reject(reject)

    def take_samples(self, batch: Batch, checked: Checked) -> None:
        """Keep the first value of every column that has none yet, from rows that load."""
        missing = [index for index, sample in enumerate(self.samples) if not sample and checked.filled[index]]
        if not missing:
            return
        rejected = {reject.row for reject in checked.rejects}
        for number, row in zip(batch.numbers, batch.rows, strict=True):
            for index in missing if number not in rejected else ():
                if index < len(row) and not self.samples[index]:
                    self.samples[index] = shown(row[index].strip())

    def reject(self, reject: Reject) -> None:
        """Count one rejected row in its group, and keep it as an example while there are few."""
        self.rejected += 1
        key = (reject.code, reject.column)
        group = next((group for group in self.groups if (group["code"], group["column"]) == key), None)
        if group is None:
            group = {"code": reject.code, "column": reject.column, "count": 0, "examples": []}
            self.groups.append(group)
        group["count"] += 1
        if len(group["examples"]) < EXAMPLES:
            value = shown(reject.value)
            group["examples"].append({"row": reject.row, "value": value, "expected": words(reject)[1]})

    def drop(self, checked: Checked) -> None:
        """Take rows that were counted as valid out of the valid ones (duplicates); the caller rejects them."""
        self.valid -= len(checked.rows)
        for index, count in enumerate(checked.filled):
            self.filled[index] -= count

    def columns(self, columns: Sequence[Column]) -> list[dict[str, Any]]:
        """The columns of the dataset version: name, target, variable, filled (records that have a value), sample."""
        return [
            {
                "name": column.name,
                "target": str(column.target),
                "variable": column.variable if column.target == Target.VARIABLE else "",
                "filled": self.filled[index],
                "sample": self.samples[index],
            }
            for index, column in enumerate(columns)
            if column.target != Target.IGNORE
        ]


def shown(text: str) -> str:
    """A value for people: short, NUL and undecodable bytes as signs."""
    cleaned = _UNDECODABLE.sub("\N{REPLACEMENT CHARACTER}", text[: _SHOWN + 1]).replace("\0", "\N{SYMBOL FOR NULL}")
    return f"{cleaned[:_SHOWN]}…" if len(cleaned) > _SHOWN else cleaned
