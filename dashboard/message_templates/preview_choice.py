"""What a preview is made with, as the editor's controls and the address say it.

    view     desktop, mobile, dark, text, source or headers
    data     sample, json, or the public id of an audience      row    the record's number there
    strict   1: an undefined variable is an error, as in sending      images  1: load pictures from the network

Typed JSON and searched addresses come with a POST only: personal data never stands in an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dashboard.audiences.models import Audience
from dashboard.ids import parse_public_id

VIEWS = (
    ("desktop", "Desktop", "monitor"),
    ("mobile", "Mobile", "smartphone"),
    ("dark", "Dark", "moon"),
    ("text", "Text", "file-text"),
    ("source", "Source", "braces"),
    ("headers", "Headers", "list-checks"),
)
SAMPLE = "sample"
JSON = "json"
STEPS = ("first", "previous", "next", "random", "longest", "missing", "search")


@dataclass(frozen=True, slots=True)
class PreviewChoice:
    """The controls above the preview; `step` is the button pressed to get to another record, "" for none."""

    view: str = "desktop"
    data: str = SAMPLE
    row: int | None = None
    step: str = ""
    who: str = ""
    json_text: str | None = None  # None: nothing was typed yet
    strict: bool = False
    images: bool = False

    @classmethod
    def read(cls, values: Mapping[str, str]) -> PreviewChoice:
        """From a query or a form; what cannot be understood falls back to the default."""
        data = values.get("data", SAMPLE)
        view = values.get("view", "desktop")
        row = values.get("row", "")
        step = values.get("step", "")
        return cls(
            view=view if view in {name for name, _, _ in VIEWS} else "desktop",
            data=data if data in (SAMPLE, JSON) or _audience_id(data) is not None else SAMPLE,
            row=int(row) if row.isdecimal() and len(row) < 10 else None,
            step=step if step in STEPS else "",
            who=values.get("who", "").strip(),
            json_text=values.get("data_json"),
            strict=values.get("strict") == "1",
            images=values.get("images") == "1",
        )

    @property
    def audience_id(self) -> int | None:
        """Id of the audience whose record is shown, None for other data."""
        return _audience_id(self.data)

    @property
    def uses_json(self) -> bool:
        return self.data == JSON

    def at(self, row: int | None) -> PreviewChoice:
        """The same with the record found; the step is done."""
        return replace(self, row=row, step="", who="")

    def query(self) -> dict[str, str | None]:
        """What differs from the defaults, for an address; None removes."""
        return {
            "view": self.view if self.view != "desktop" else None,
            "data": self.data if self.data != SAMPLE else None,
            "row": str(self.row) if self.row is not None and self.audience_id is not None else None,
            "strict": "1" if self.strict else None,
            "images": "1" if self.images else None,
        }


def _audience_id(text: str) -> int | None:
    try:
        return parse_public_id(Audience.PREFIX, text)
    except ValueError:
        return None
