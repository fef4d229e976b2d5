"""What a slice of work did since its last transaction, in a file that survives the death of its process.

One line before a message is handed over and one for its outcome, each one write(2) without fsync: the page cache
outlives kill -9 (1.3 µs a line, measured). Whoever takes the dead worker's lease over on the same host knows exactly
which messages were never handed over, which have an outcome, and which are in doubt: those on a connection when the
worker died. After a power loss the last lines may be missing, so a journal of an earlier boot proves outcomes only.

A file belongs to one owner of leases (one slice) and is removed when the slice ends with everything booked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from dashboard.settings import Settings
from worker.engine.rows import Row
from worker.providers.base import Outcome, Result

logger = logging.getLogger(__name__)

_COMPACT_AT = 512 * 1024  # bytes; about 4,000 messages
_KEPT_SECONDS = 24 * 3600.0
_BREAKING = re.compile(r"[\t\r\n]")
_RESULTS = {result.value: result for result in Result}


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
    """The file of one slice, opened by its first line.

    Where the disk refuses a line the whole file is given up: a journal with holes would pass for the truth.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self._path = journal_path(folder, owner)
        self._descriptor = -1
        self._size = 0
        self._given_up = False

    def handed_over(self, row: Row) -> None:
        """Write it down before the provider gets the message."""
        self._write(_handed_line(row))

    def outcome(self, row: Row, outcome: Outcome) -> None:
        """Write down what became of the message."""
        wait = "" if outcome.retry_after is None else str(outcome.retry_after)
        words = (outcome.code, outcome.provider_message_id, outcome.detail)
        told = "\t".join(words)
        if told.count("\t") != 2 or "\n" in told or "\r" in told:
            told = "\t".join(_BREAKING.sub(" ", word) for word in words)
        self._write(f"O\t{row.id}\t{row.attempt}\t{outcome.result.value}\t{wait}\t{told}\n")

    def booked(self, in_flight: Iterable[Row]) -> None:
        """Everything but the rows in flight stands in the database: begin a new file when this one has grown."""
        if self._size < _COMPACT_AT or self._given_up:
            return
        fresh = self._path.with_suffix(".new")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            text = _head() + "".join(_handed_line(row) for row in in_flight)
            os.write(descriptor, text.encode())
            os.replace(fresh, self._path)
        except OSError as error:
            self._give_up(str(error))
            return
        os.close(self._descriptor)
        self._descriptor, self._size = descriptor, len(text)

    def close(self, *, remove: bool) -> None:
        """The slice is over; `remove` where nothing is in doubt."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            if remove:
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _write(self, line: str) -> None:
        if self._given_up:
            return
        try:
            if self._descriptor < 0:
                self._open()
            data = line.encode("utf-8", "replace")
            written = os.write(self._descriptor, data)
        except OSError as error:
            self._give_up(str(error))
            return
        self._size += written
        if written != len(data):
            self._give_up("the disk took a part of a line")

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.write(self._descriptor, _head().encode())

    def _give_up(self, reason: str) -> None:
        logger.warning("journal given up, a crash now would leave a whole window in doubt", extra={"error": reason})
        self._given_up = True
        self.close(remove=True)


@dataclass(slots=True)
class Memory:
    """What a journal tells. `complete`: a message that it does not name as handed over was not handed over."""

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
        lines = journal_path(folder, owner).read_text("utf-8", "replace").split("\n")
    except OSError:
        return memory
    memory.complete = bool(boot_id()) and lines[0] == f"B\t{boot_id()}"
    for line in lines[1:-1]:
        fields = line.split("\t")
        with contextlib.suppress(ValueError, IndexError, KeyError):
            if fields[0] == "H":
                memory.handed.add((int(fields[1]), int(fields[2])))
            elif fields[0] == "O" and len(fields) == 8:
                outcome = _outcome(fields)
                memory.outcomes[outcome.reference, int(fields[2])] = outcome
    return memory


def remove_old(folder: Path, seconds: float = _KEPT_SECONDS) -> int:
    """Remove journals that nobody has written to for a day; how many there were."""
    removed = 0
    for path in folder.glob("*.journal"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - seconds:
                path.unlink()
                removed += 1
    return removed


def _head() -> str:
    return f"B\t{boot_id()}\n"


def _handed_line(row: Row) -> str:
    return f"H\t{row.id}\t{row.attempt}\n"


def _outcome(fields: list[str]) -> Outcome:
    return Outcome(
        reference=int(fields[1]),
        result=_RESULTS[fields[3]],
        provider_message_id=fields[6],
        code=fields[5],
        detail=fields[7],
        retry_after=float(fields[4]) if fields[4] else None,
    )
