"""What a slice of work did since its last transaction, in a file that survives the death of its process.

One line before a message is handed over and one for its outcome, each one write(2) without fsync: the page cache
outlives kill -9 (1.3 µs a line, measured). Whoever takes the dead worker's lease over on the same host knows exactly
which messages were never handed over, which have an outcome, and which are in doubt: those on a connection when the
worker died. After a power loss the last lines may be missing, so a journal of an earlier boot proves outcomes only.

A file belongs to one owner of leases (one slice), is locked by it while it lives (the kernel lets go with the process)
and is removed when the slice ends with everything booked. So whoever takes over knows whether the owner is dead. One
that only looks dead, since a clock was set or it stood still, may hand over more: what it has not named proves nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from dashboard.settings import Settings
from worker.engine.rows import Row
from worker.providers.base import Outcome, Result

logger = logging.getLogger(__name__)

_COMPACT_AT = 512 * 1024  # bytes; about 4,000 messages
_KEPT_SECONDS = 24 * 3600.0
_TAKEN_IN_PART = "the disk took a part of it"
_BREAKING = re.compile(r"[\t\r\n]")
_RESULTS = {result.value: result for result in Result}
_NAMES = {result: result.value for result in Result}


@cache
def boot_id() -> str:
    """A name of this run of the machine; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def journal_folder(settings: Settings) -> Path:
    """Where the journals of this host lie."""
    return settings.var_dir / "journal"


def journal_path(folder: Path, owner: str) -> Path:
    return folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', owner)}.journal"


class Journal:
    """The file of one slice, begun before its first claim. Without a file (the disk is full, VAR_DIR cannot be
    written) it goes on, and a crash leaves a window in doubt."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._path = journal_path(folder, owner)
        self._descriptor = -1
        self._size = 0
        self._broken = False

    def begin(self) -> None:
        """Make the file, so that from now on a message it does not name was not handed over."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._replace(_head())
        except OSError as error:
            logger.warning("no journal, a crash would leave a whole window in doubt", extra={"error": str(error)})

    def handed_over(self, row: Row) -> bool:
        """Write it down before the provider gets the message, which it may not where this is False: the disk has
        become full. What stands in the file stays true then."""
        self._write(b"H\t%d\t%d\n" % (row.id, row.attempt))
        return not self._broken

    def outcome(self, row: Row, outcome: Outcome) -> None:
        """Write down what became of the message."""
        _, result, provider_message_id, code, detail, wait = outcome
        if not (code.isprintable() and provider_message_id.isprintable() and detail.isprintable()):
            code, provider_message_id, detail = (
                _BREAKING.sub(" ", word) for word in (code, provider_message_id, detail)
            )
        waits = "" if wait is None else wait
        line = f"O\t{row.id}\t{row.attempt}\t{_NAMES[result]}\t{waits}\t{code}\t{provider_message_id}\t{detail}\n"
        self._write(line.encode("utf-8", "replace"))

    def booked(self, in_flight: Iterable[Row]) -> None:
        """Everything but the rows in flight stands in the database: begin a new file when this one has grown."""
        if self._size < _COMPACT_AT or self._broken:
            return
        try:
            self._replace(_head() + "".join([f"H\t{row.id}\t{row.attempt}\n" for row in in_flight]))
        except OSError as error:
            self._break(str(error))

    def close(self, *, remove: bool) -> None:
        """The slice is over; `remove` where nothing is in doubt."""
        if self._descriptor >= 0:
            if remove:
                with contextlib.suppress(OSError):
                    self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, line: bytes) -> None:
        if self._broken or self._descriptor < 0:
            return
        size = len(line)
        try:
            if os.write(self._descriptor, line) != size:
                self._break(_TAKEN_IN_PART)
        except OSError as error:
            self._break(str(error))
        self._size += size

    def _break(self, reason: str) -> None:
        """Never write again: a line after one that is missing would pass for the whole truth."""
        logger.warning("the journal cannot be written, the slice ends", extra={"error": reason})
        self._broken = True

    def _replace(self, text: str) -> None:
        """Put a file with this text in the place of ours, locked before anybody can see it."""
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_whole(descriptor, text.encode())
            os.replace(fresh, self._path)
        except BaseException:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._size = descriptor, len(text)


@dataclass(slots=True)
class Memory:
    """What a journal tells. `complete`: a message that it does not name as handed over was not, and will not be."""

    complete: bool = False
    handed: set[tuple[int, int]] = field(default_factory=set)
    outcomes: dict[tuple[int, int], Outcome] = field(default_factory=dict)


def remember(folder: Path, owner: str) -> Memory:
    """Read the journal that an owner left on this host; an empty memory where there is none.

    Keys are (message id, attempt), so that a line about an earlier try says nothing about a later one. A line cut
    short by the death of its writer, or spoilt, is left out.
    """
    memory = Memory()
    try:
        with journal_path(folder, owner).open(encoding="utf-8", errors="replace", newline="\n") as file:
            final = _is_let_go(file)
            lines = file.read().split("\n")
    except OSError:
        return memory
    memory.complete = final and bool(boot_id()) and lines[0] == f"B\t{boot_id()}"
    for line in lines[1:-1]:
        fields = line.split("\t")
        with contextlib.suppress(ValueError, IndexError, KeyError):
            if fields[0] == "H":
                memory.handed.add((int(fields[1]), int(fields[2])))
            elif fields[0] == "O" and len(fields) == 8:
                outcome = _outcome(fields)
                memory.outcomes[outcome.reference, int(fields[2])] = outcome
    return memory


def is_dead(folder: Path, owner: str) -> bool:
    """Did the owner die, or give up, on this host? False where nothing proves it."""
    try:
        with journal_path(folder, owner).open(encoding="utf-8", errors="replace") as file:
            return _is_let_go(file)
    except OSError:
        return False


def _is_let_go(file: IO[str]) -> bool:
    """Has its writer gone? Not where it has only put a new file in the place of this one."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return os.fstat(file.fileno()).st_ino == os.stat(file.name).st_ino
    except OSError:
        return False


def remove_old(folder: Path, seconds: float = _KEPT_SECONDS) -> int:
    """Remove journals that nobody has written to for a day; how many there were."""
    removed = 0
    for path in (*folder.glob("*.journal"), *folder.glob("*.new")):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - seconds:
                path.unlink()
                removed += 1
    return removed


def _write_whole(descriptor: int, data: bytes) -> None:
    """Raises OSError where the disk takes less."""
    if os.write(descriptor, data) != len(data):
        raise OSError(_TAKEN_IN_PART)


def _head() -> str:
    return f"B\t{boot_id()}\n"


def _outcome(fields: list[str]) -> Outcome:
    return Outcome(
        reference=int(fields[1]),
        result=_RESULTS[fields[3]],
        provider_message_id=fields[6],
        code=fields[5],
        detail=fields[7],
        retry_after=float(fields[4]) if fields[4] else None,
    )
