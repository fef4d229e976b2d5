"""An import from its first byte to the load: every step that a person takes, and what follows an upload."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from sqlalchemy import func, select

from dashboard.audiences.models import IMPORT_TRANSITIONS, Audience, AudienceImport, DatasetVersion, ImportState
from dashboard.audiences.uploads import Source, check_size, drain, open_upload, write_at
from dashboard.audit.services import record
from dashboard.current import current_settings
from dashboard.extensions import after_commit, db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.problems import Conflict, DomainError, NotFound
from worker.imports.dialect import Dialect
from worker.imports.files import files_of
from worker.imports.mapping import ADDRESSES, SINGLE, Column, Target, guess, problems
from worker.imports.reading import Unreadable, peek
from worker.imports.rejects import is_rejects_header
from worker.imports.sniffing import sniff_file
from worker.queues import Queue, enqueue

#: Records that a guess looks at, and columns that a file may have.
LOOKED_AT = 1_000
MOST_COLUMNS = 500
_STATE_WORDS = {
    ImportState.UPLOADING: "its file is still on its way",
    ImportState.MAPPING: "its columns have to be looked at first",
    ImportState.CHECKING: "it is being checked",
    ImportState.READY: "it is checked and waits to be loaded",
    ImportState.LOADING: "it is being loaded",
    ImportState.LOADED: "it is loaded already",
    ImportState.LOADED_WITH_REJECTS: "it is loaded already",
    ImportState.FAILED: "it failed",
    ImportState.CANCELLED: "it was cancelled",
}


def get_import(import_id: int, *, lock: bool = False) -> AudienceImport:
    """The import; NotFound where there is none. `lock` inside `transaction()`, to change it."""
    found = db.session.get(AudienceImport, import_id, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise NotFound("There is no such import. It may have been deleted with its audience.")
    return found


def create_import(
    *, audience_id: int, source: str, filename: str = "", size: int = 0, url: str = "", created_by: int | None = None
) -> AudienceImport:
    """Begin an import (source upload, paste or url) into an audience; `size` in bytes where it is known.

    A url is fetched by a worker from here on; the others wait for their bytes.
    """
    check_size(size)
    with transaction():
        audience = db.session.get(Audience, audience_id)
        if audience is None:
            raise NotFound("There is no such audience.")
        if audience.archived_at is not None:
            raise DomainError("This audience is archived. Take it out of the archive first.", code="archived")
        row = AudienceImport(
            id=new_id(),
            audience_id=audience_id,
            source=source,
            filename=filename.replace("\0", "")[:255] or urlsplit(url).hostname or "pasted rows",
            size=size,
            options={"url": url} if url else {},
            created_by=created_by,
        )
        db.session.add(row)
        record("audience.import", audience, summary=f"{source}: {row.filename}")
        if url:
            after_commit(enqueue, "fetch_import", row.id, queue=Queue.IMPORTS)
    return row


def receive_slice(*, import_id: int, offset: int, source: Source) -> AudienceImport:
    """Append what `source` holds if the file has exactly `offset` bytes; Conflict (current = the import) otherwise.

    Nothing of a slice that breaks off is counted, so the sender repeats it. The last announced byte completes the
    upload.
    """
    if get_import(import_id).source == "url":
        raise DomainError("This import is fetched from its address, not uploaded.", code="source")
    with open_upload(files_of(import_id).data) as file:
        there = os.fstat(file.fileno()).st_size
        _expect(import_id, offset, there)
        written = write_at(file, offset, source)
        with transaction():
            row = get_import(import_id, lock=True)
            if row.state != ImportState.UPLOADING or row.received != offset:
                raise Conflict("The upload stands elsewhere.", current=row)
            row.received = offset + written
            row.updated_at = utc_now()
    if row.size and row.received >= row.size:
        return complete_upload(import_id=import_id)
    return row


def _expect(import_id: int, offset: int, there: int) -> None:
    """Conflict unless the upload stands at `offset`; `there` bytes are on disk (fewer than counted after a crash)."""
    with transaction():
        row = get_import(import_id, lock=True)
        row.received = min(row.received, there)
    if row.state != ImportState.UPLOADING or row.received != offset:
        raise Conflict("The upload stands elsewhere.", current=row)


def receive_all(*, import_id: int, source: Source) -> AudienceImport:
    """The whole file in one stream (no JavaScript, pasted rows); TooLarge beyond the limit, DomainError after one."""
    received = receive_once(import_id=import_id, source=source, first=lambda: True, done=lambda _: None)
    assert received is not None  # noqa: S101 - it is the first time
    return received


def receive_once(
    *, import_id: int, source: Source, first: Callable[[], bool], done: Callable[[AudienceImport], None]
) -> AudienceImport | None:
    """The same where `first` says so, asked in the transaction that counts the file, when all of it was read.

    `done` is called in it, too. None where `first` says no; then and beside a file that is there nothing is kept.
    """
    with _file_to_come(import_id) as file:
        written = write_at(file, 0, source) if file is not None else drain(source)
        with transaction():
            if not first():
                return None
            row = get_import(import_id, lock=True)
            if file is None or row.state != ImportState.UPLOADING:
                raise _refused(row)
            row.received = row.size = written
            done(made := complete_upload(import_id=import_id))
            return made


@contextmanager
def _file_to_come(import_id: int) -> Iterator[BinaryIO | None]:
    """The file of an import, for one request at a time; None where it has come already."""
    if get_import(import_id).state != ImportState.UPLOADING:
        yield None
        return
    with open_upload(files_of(import_id).data) as file:
        with transaction():  # another request may have brought it while this one waited for the file
            waits = get_import(import_id, lock=True).state == ImportState.UPLOADING
        yield file if waits else None


def complete_upload(*, import_id: int) -> AudienceImport:
    """All bytes are here: guess how to read them and what the columns are for; the import waits for its mapping."""
    path = files_of(import_id).data
    try:
        sniffed = sniff_file(path)
    except Unreadable as problem:
        return _fail(import_id, problem.message)
    with transaction():
        row = get_import(import_id, lock=True)
        _move(row, ImportState.MAPPING)
        known = _known_columns(row.audience_id)
        options = {
            "default_country": current_settings().default_country,
            "duplicates": "first",
            "duplicate_by": "",
            "mode": "replace",
            "url": row.options.get("url", ""),
        }
        _apply_dialect(row, options, sniffed.dialect, sniffed.reasons, known)
        if row.guesses["given_back"] and known:
            row.options = row.options | {"mode": "append"}
    return row


def save_dialect(*, import_id: int, dialect: Dialect, version: int | None) -> AudienceImport:
    """Read the file in another way: the columns are guessed again."""
    with transaction():
        row = get_import(import_id, lock=True)
        _must_be(row, ImportState.MAPPING)
        _check_seen(row, version)
        before = Dialect.from_dict(row.options["dialect"]).to_dict()
        chosen = {name: "chosen by you" for name, value in dialect.to_dict().items() if value != before[name]}
        reasons = dict(row.guesses["reasons"]) | chosen
        _apply_dialect(row, row.options, dialect, reasons, _known_columns(row.audience_id))
    return row


def start_check(
    *,
    import_id: int,
    columns: Sequence[Column],
    duplicates: str,
    duplicate_by: str,
    mode: str,
    default_country: str,
    version: int | None,
) -> AudienceImport:
    """Have a worker read the whole file with this mapping. DomainError says what keeps the mapping from being used."""
    wrong = problems(columns)
    if wrong:
        raise DomainError(next(iter(wrong.values())), field="columns", code="mapping")
    with transaction():
        row = get_import(import_id, lock=True)
        _check_seen(row, version)
        if len(columns) != len(row.guesses.get("header", [])):
            raise DomainError("The columns changed since this page was opened. Look at them again.", code="stale")
        if row.guesses.get("too_wide"):
            raise DomainError(f"The file has more than {MOST_COLUMNS} columns. Choose another delimiter.", code="wide")
        if duplicate_by not in {str(column.target) for column in columns if column.target in SINGLE}:
            duplicate_by = next(str(target) for target in ADDRESSES if target in {c.target for c in columns})
        _move(row, ImportState.CHECKING)
        row.options = row.options | {
            "mapping": [column.to_dict() for column in columns],
            "duplicates": duplicates,
            "duplicate_by": duplicate_by,
            "mode": mode,
            "default_country": default_country,
        }
        _begin_pass(row)
        after_commit(enqueue, "check_import", row.id, queue=Queue.IMPORTS)
    return row


def check_again(*, import_id: int) -> AudienceImport:
    """The same check once more: after a failure, or because the audience changed meanwhile."""
    with transaction():
        row = get_import(import_id, lock=True)
        if not row.options.get("mapping"):
            raise DomainError("Nothing was mapped yet. Upload the file again.", code="no_mapping")
        _move(row, ImportState.CHECKING)
        _begin_pass(row)
        after_commit(enqueue, "check_import", row.id, queue=Queue.IMPORTS)
    return row


def reopen_mapping(*, import_id: int) -> AudienceImport:
    """Back to the columns after a check; nothing was loaded."""
    with transaction():
        row = get_import(import_id, lock=True)
        if not files_of(import_id).data.exists():
            raise DomainError("The uploaded file is not there any more. Upload it again.", code="no_file")
        if row.state != ImportState.MAPPING:
            _move(row, ImportState.MAPPING)
        row.report = {}
        row.problem = ""
    return row


def start_load(*, import_id: int, started_by: int | None = None) -> AudienceImport:
    """Have a worker load the valid rows as a new version of the audience."""
    with transaction():
        row = get_import(import_id, lock=True)
        _must_be(row, ImportState.READY)
        if not row.report.get("to_load"):
            raise DomainError("There is no row to load. Correct the file and upload it again.", code="nothing_to_load")
        audience = db.session.get(Audience, row.audience_id, with_for_update=True)
        if audience is None:
            raise NotFound("There is no such audience.")
        _refuse_second_load(row)
        if row.options["mode"] == "append" and audience.current_version_id != row.report.get("base_version_id"):
            raise DomainError(
                "The audience changed since this check: another import was loaded. Check again, then load.",
                code="base_changed",
            )
        _orphan(row.dataset_version_id)
        number = db.session.scalar(
            select(func.max(DatasetVersion.number)).where(DatasetVersion.audience_id == audience.id)
        )
        version = DatasetVersion(
            id=new_id(), audience_id=audience.id, number=(number or 0) + 1, import_id=row.id, created_by=started_by
        )
        db.session.add(version)
        _move(row, ImportState.LOADING)
        row.dataset_version_id = version.id
        row.cursor, row.rows_done = {}, 0
        row.rows_total = int(row.report["to_load"]) + int(row.report.get("base_kept", 0))
        record(
            "audience.load",
            audience,
            summary=f"version {version.number}: {row.report['to_load']} rows of {row.filename} ({row.options['mode']})",
        )
        after_commit(enqueue, "load_import", row.id, queue=Queue.IMPORTS)
    return row


def cancel_import(*, import_id: int) -> AudienceImport:
    """End an import that is not loaded; its files go, and what was loaded of it."""
    with transaction():
        row = get_import(import_id, lock=True)
        _move(row, ImportState.CANCELLED)
        row.lease_owner, row.lease_until = "", None
        if _orphan(row.dataset_version_id):
            after_commit(enqueue, "purge_versions", queue=Queue.IMPORTS)
        record("audience.import_cancel", db.session.get(Audience, row.audience_id), summary=row.filename)
        after_commit(files_of(import_id).remove)
    return row


def _fail(import_id: int, words: str) -> AudienceImport:
    with transaction():
        row = get_import(import_id, lock=True)
        _move(row, ImportState.FAILED)
        row.problem = words
    return row


def _apply_dialect(
    row: AudienceImport,
    options: Mapping[str, Any],
    dialect: Dialect,
    reasons: Mapping[str, str],
    known: Sequence[Mapping[str, Any]],
) -> None:
    top = peek(files_of(row.id).data, dialect, LOOKED_AT)
    header = top.header[:MOST_COLUMNS]
    columns = guess(header, top.rows, country=options["default_country"], known=known)
    used = {column.target for column in columns}
    by = next((str(target) for target in SINGLE if target in used), str(Target.EMAIL))
    row.options = {
        **options,
        "dialect": dialect.to_dict(),
        "mapping": [column.to_dict() for column in columns],
        "duplicate_by": by,
    }
    row.guesses = {
        "header": header,
        "reasons": dict(reasons),
        "given_back": is_rejects_header(header),
        "too_wide": len(top.header) > MOST_COLUMNS,
        "rows_seen": len(top.rows),
    }
    row.version += 1
    row.updated_at = utc_now()


def _known_columns(audience_id: int) -> list[dict[str, Any]]:
    """The columns of the audience's version in use."""
    columns = db.session.scalar(
        select(DatasetVersion.columns)
        .join(Audience, Audience.current_version_id == DatasetVersion.id)
        .where(Audience.id == audience_id)
    )
    return list(columns or [])


def _begin_pass(row: AudienceImport) -> None:
    row.cursor, row.report, row.problem = {}, {}, ""
    row.rows_done = row.rows_total = 0


def _refuse_second_load(row: AudienceImport) -> None:
    other = db.session.scalar(
        select(AudienceImport).where(
            AudienceImport.audience_id == row.audience_id,
            AudienceImport.state == ImportState.LOADING,
            AudienceImport.id != row.id,
        )
    )
    if other is not None:
        raise DomainError(
            f"Another import of this audience is being loaded ({other.filename}). Wait until it is done, then load.",
            code="already_loading",
        )


def _orphan(version_id: int | None) -> bool:
    """Take a version that never became ready out of its audience; a worker deletes its records."""
    version = db.session.get(DatasetVersion, version_id) if version_id else None
    if version is None or version.ready:
        return False
    version.audience_id = None
    return True


def _move(row: AudienceImport, state: ImportState) -> None:
    """Change the state by IMPORT_TRANSITIONS; DomainError says why it cannot be."""
    if state not in IMPORT_TRANSITIONS[ImportState(row.state)]:
        raise _refused(row)
    row.state = state
    row.version += 1
    row.updated_at = utc_now()


def _must_be(row: AudienceImport, state: ImportState) -> None:
    if row.state != state:
        raise _refused(row)


def _refused(row: AudienceImport) -> DomainError:
    return DomainError(
        f"That cannot be done with this import now: {_STATE_WORDS[ImportState(row.state)]}.", code="state"
    )


def _check_seen(row: AudienceImport, version: int | None) -> None:
    if version is not None and row.version != version:
        raise Conflict("Somebody else changed this import meanwhile. Look at it again.", current=row)
