"""The values a preview or a test send is filled with, in their layers: sample values, a real record, or typed JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.audiences.models import Audience, Record
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.jobs.services import freeze_globals
from dashboard.message_templates.content_rules import JsonProblem, read_object
from dashboard.message_templates.preview_choice import PreviewChoice
from dashboard.message_templates.record_picks import find_record, record_count
from worker.rendering.values import SYSTEM_VARIABLES, merge, record_values, sources

NOBODY = "recipient@example.com"
_NOT_FOUND = {
    "search": "No record has that address; this is the first one.",
    "missing": "Among the first records none lacks a value; this is the first one.",
}


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where the record shown stands: number `row` of `count`, counted from 0."""

    audience: Audience
    row: int
    count: int


@dataclass(frozen=True, slots=True)
class PreviewData:
    """Values by layer (named as in `worker.rendering.values`), and what to say about them.

    `label` names the data in words; `problem` says why it could not be used as asked, with `line` and `column` where
    typed JSON is at fault.
    """

    layers: Mapping[str, Mapping[str, Any]]
    label: str
    recipient: str = NOBODY
    place: RecordPlace | None = None
    problem: str = ""
    line: int | None = None
    column: int | None = None
    #: How a layer is called here: sample values stand in for a record.
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        return merge(self.layers)

    @property
    def origins(self) -> dict[str, str]:
        """Variable name -> the layer its value comes from, in the words of the page."""
        return {name: self.names.get(layer, layer) for name, layer in sources(self.layers).items()}


def collect(choice: PreviewChoice, sample: Mapping[str, Any], needed: Iterable[str] = ()) -> PreviewData:
    """The values that the choice asks for; what cannot be had is told in `problem`, and the rest is used.

    `needed` names the template's variables, for finding a record that lacks some of them.
    """
    common = {"global": freeze_globals(), "system": system_values()}
    if choice.uses_json:
        return _from_json(json.dumps(dict(sample)) if choice.json_text is None else choice.json_text, common)
    if choice.audience_id is not None:
        return _from_record(choice, common, frozenset(needed) - common["global"].keys() - common["system"].keys())
    return PreviewData(
        layers={**common, "record": {"email": NOBODY, **sample}},
        label="Sample values",
        names={"record": "sample"},
        recipient=_email(sample),
    )


def system_values() -> dict[str, str]:
    """Stand-ins for what every message gets for itself; the link leads to nobody's subscription."""
    values = {"unsubscribe_url": f"{current_settings().base_url}/u/preview", "message_id": "msg_0000000000000"}
    return {name: values.get(name, "") for name in SYSTEM_VARIABLES}


def _email(values: Mapping[str, Any]) -> str:
    value = values.get("email")
    return value if isinstance(value, str) and "@" in value else NOBODY


def _from_json(text: str, common: Mapping[str, Mapping[str, Any]]) -> PreviewData:
    try:
        typed = read_object(text)
    except JsonProblem as problem:
        return PreviewData(
            layers=common,
            label="JSON",
            problem=f"The JSON cannot be read: {problem.message}.",
            line=problem.line,
            column=problem.column,
        )
    return PreviewData(
        layers={**common, "record": {"email": NOBODY}, "call": typed},
        label="JSON",
        names={"call": "JSON", "record": "sample"},
        recipient=_email(typed),
    )


def _from_record(choice: PreviewChoice, common: Mapping[str, Mapping[str, Any]], needed: frozenset[str]) -> PreviewData:
    audience = db.session.get(Audience, choice.audience_id)
    if audience is None or audience.current_version_id is None:
        return PreviewData(layers=common, label="Record", problem="This audience has no records. Choose other data.")
    version_id = audience.current_version_id
    found = find_record(version_id, step=choice.step, row=choice.row or 0, text=choice.who, needed=needed)
    problem = ""
    if found is None:
        problem = _NOT_FOUND.get(choice.step, "There is no such record; this is the first one.")
        found = find_record(version_id, step="first", row=0)
    if found is None:
        return PreviewData(layers=common, label=audience.name, problem=f"{audience.name} is empty. Choose other data.")
    return PreviewData(
        layers={**common, "record": values_of(found)},
        label=f"{audience.name}, record {found.record_no + 1}",
        recipient=found.email or NOBODY,
        place=RecordPlace(audience, found.record_no, record_count(version_id)),
        problem=problem,
    )


def values_of(record: Record) -> dict[str, Any]:
    """The record's layer, as the engine makes it."""
    return record_values(
        json.loads(record.variables), email=record.email, phone=record.phone, external_id=record.external_id
    )
