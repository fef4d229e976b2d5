"""What the page of an import shows in each of its states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dashboard.audiences import queries
from dashboard.audiences.forms import DialectForm, MappingForm
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion, ImportState
from dashboard.current import current_settings
from dashboard.extensions import utc_now
from worker.imports.dialect import Dialect
from worker.imports.files import files_of
from worker.imports.reading import Peek, peek
from worker.imports.reasons import REASONS, WARNINGS, Reason
from worker.imports.tally import shown

#: Records that a person sees of a file, and those that the share of filled cells is told from.
FIRST_ROWS: Final = 20
SAMPLE: Final = 1_000
PHASES: Final = ("upload", "map", "check", "load", "done")
_PHASE_LABELS: Final = {
    "upload": "Upload",
    "map": "Columns",
    "check": "Check",
    "load": "Load",
    "done": "Done",
}
#: state -> (phase, template)
_STATES: Final = {
    ImportState.UPLOADING: ("upload", "import_upload"),
    ImportState.MAPPING: ("map", "import_map"),
    ImportState.CHECKING: ("check", "import_work"),
    ImportState.READY: ("load", "import_report"),
    ImportState.LOADING: ("load", "import_work"),
    ImportState.LOADED: ("done", "import_done"),
    ImportState.LOADED_WITH_REJECTS: ("done", "import_done"),
    ImportState.FAILED: ("", "import_failed"),
    ImportState.CANCELLED: ("", "import_failed"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five phases: state done, now, todo or blocked (it stopped there)."""

    label: str
    state: str


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """A column of the file as the mapping shows it."""

    name: str
    samples: tuple[str, ...]
    filled: int
    reason: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows rejected for one reason."""

    reason: Reason
    code: str
    column: str
    count: int
    examples: list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a worker is: `value` of `most` (None = not known), with words; `poll` seconds until the next look."""

    value: int | None
    most: int
    words: str
    waiting: bool
    poll: int


@dataclass(slots=True)
class ImportPage:
    row: AudienceImport
    audience: Audience
    template: str
    title: str
    steps: list[Step]
    version: DatasetVersion | None = None
    next_number: int = 1
    progress: Progress | None = None
    groups: list[Group] = field(default_factory=list)
    warnings: list[Group] = field(default_factory=list)
    same_file: AudienceImport | None = None
    top: Peek | None = None
    columns: list[ColumnLook] = field(default_factory=list)
    dialect_form: DialectForm | None = None
    mapping_form: MappingForm | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0

    def mapping_errors(self) -> list[tuple[str, str]]:
        """(id of the control, words) of every column that needs a look, for the summary."""
        found = []
        for entry in self.mapping_form.columns if self.mapping_form else ():
            found += [(field.id, str(words)) for field in entry.form for words in field.errors]
        return found


def page(
    row: AudienceImport, *, dialect_form: DialectForm | None = None, mapping_form: MappingForm | None = None
) -> ImportPage:
    """The page of the import in its present state; forms that were sent with errors take the place of fresh ones."""
    state = ImportState(row.state)
    phase, template = _STATES[state]
    audience = queries.audience(row.audience_id)
    shown_page = ImportPage(
        row=row,
        audience=audience,
        template=f"audiences/{template}.html",
        title=f"Import of {row.filename}",
        steps=_steps(phase, row),
        version=queries.current_version(audience),
        next_number=queries.last_number(audience.id) + 1,
        limit=current_settings().upload_limit,
    )
    if state == ImportState.MAPPING:
        _add_mapping(shown_page, dialect_form, mapping_form)
    elif template in ("import_report", "import_done"):
        _add_report(shown_page)
    elif template in ("import_work", "import_upload"):
        shown_page.progress = _progress(row, state)
    return shown_page


def _steps(phase: str, row: AudienceImport) -> list[Step]:
    reached = PHASES.index(phase or _stopped_at(row))
    steps = []
    for index, name in enumerate(PHASES):
        state = "done" if index < reached or phase == "done" else "now" if index == reached else "todo"
        steps.append(Step(_PHASE_LABELS[name], "blocked" if state == "now" and not phase else state))
    return steps


def _stopped_at(row: AudienceImport) -> str:
    """The phase in which an import failed or was cancelled."""
    if row.report:
        return "load"
    if row.cursor or row.rows_done:
        return "check"
    return "map" if row.received and row.received >= row.size else "upload"


def _add_mapping(shown_page: ImportPage, dialect_form: DialectForm | None, mapping_form: MappingForm | None) -> None:
    row = shown_page.row
    top = peek(files_of(row.id).data, Dialect.from_dict(row.options["dialect"]), SAMPLE)
    shown_page.columns = [_look(index, column, top.rows) for index, column in enumerate(row.options["mapping"])]
    rows = [[shown(cell) for cell in cells] for cells in top.rows[:FIRST_ROWS]]
    shown_page.top = Peek(top.header, rows, top.has_more or len(top.rows) > FIRST_ROWS)
    shown_page.dialect_form = dialect_form or DialectForm.of(row)
    shown_page.mapping_form = mapping_form or MappingForm.of(row)
    shown_page.reasons = {name: words[:1].upper() + words[1:] for name, words in row.guesses["reasons"].items()}


def _look(index: int, column: Mapping[str, Any], rows: list[list[str]]) -> ColumnLook:
    values = [row[index].strip() if index < len(row) else "" for row in rows]
    filled = [value for value in values if value]
    samples = tuple(shown(value)[:40] for value in dict.fromkeys(filled))[:3]
    return ColumnLook(column["name"], samples, len(filled), column["reason"])


def _add_report(shown_page: ImportPage) -> None:
    row = shown_page.row
    for group in row.report.get("groups", []):
        reason = REASONS[group["code"]]
        shown_page.groups.append(Group(reason, group["code"], group["column"], group["count"], group["examples"]))
    if row.report.get("suppressed"):
        shown_page.warnings.append(Group(WARNINGS["suppressed"], "suppressed", "", row.report["suppressed"], []))
    shown_page.same_file = queries.same_file(row)


def _progress(row: AudienceImport, state: ImportState) -> Progress:
    now = utc_now()
    working = row.lease_until is not None and row.lease_until > now
    age = (now - row.created_at).total_seconds()
    poll = 1 if age < 30 or working else 2
    if state == ImportState.UPLOADING:
        return Progress(row.received if row.size else None, row.size, "Fetching the file", not working, poll)
    if state == ImportState.LOADING:
        words = "Storing records"
        return Progress(row.rows_done, row.rows_total, words, not working, poll)
    step = row.cursor.get("step", "hash")
    offset = int(row.cursor.get("offset", 0))
    words = {
        "hash": "Reading the file",
        "scan": "Checking every row",
        "duplicates": "Looking for addresses that stand in several rows",
        "rejects": "Collecting the rows that stand twice",
    }[step]
    value = offset if step in ("scan", "rejects") else None
    return Progress(value, row.received, words, not working, poll)
