"""Bytes of an upload into the folder of its import: slices that can be resumed, or one stream."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from dashboard.current import current_settings
from dashboard.problems import DomainError
from worker.imports.outcomes import is_disk_full

_PIECE: Final = 256 * 1024
#: One request carries at most this much; the uploader sends 8 MiB at a time.
SLICE_BYTES: Final = 9 * 1024 * 1024


class Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class DiskFull(DomainError):
    """No room for the upload."""

    def __init__(self) -> None:
        super().__init__(
            "The disk of this installation is full. Ask an administrator to make room, then go on with the upload.",
            code="disk_full",
        )


class TooLarge(DomainError):
    """Beyond the installation's limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The file is larger than the limit of {limit // (1 << 20)} MiB. Split it and upload the parts one after "
            "the other with “append”, or ask an administrator to raise UPLOAD_LIMIT_MB.",
            field="file",
            code="too_large",
        )


def check_size(size: int) -> None:
    """TooLarge where `size` bytes are more than the installation takes."""
    limit = current_settings().upload_limit
    if size > limit:
        raise TooLarge(limit)


@contextlib.contextmanager
def open_upload(path: Path) -> Iterator[BinaryIO]:
    """The file of an upload, for one request at a time; DiskFull where there is no room for what is written."""
    try:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull from error
        raise


def write_at(file: BinaryIO, offset: int, source: Source) -> int:
    """Write `source` at `offset`, cutting off what an earlier try left beyond it; how many bytes came.

    TooLarge beyond the installation's limit: what was written is worthless then, because the caller does not count it.
    """
    limit = current_settings().upload_limit
    file.truncate(offset)
    written = 0
    while piece := source.read(_PIECE):
        written += len(piece)
        if offset + written > limit:
            raise TooLarge(limit)
        file.write(piece)
    file.flush()
    return written


def drain(source: Source) -> int:
    """Read a stream to its end and keep nothing; how many bytes came. TooLarge beyond the installation's limit."""
    limit, read = current_settings().upload_limit, 0
    while piece := source.read(_PIECE):
        read += len(piece)
        if read > limit:
            raise TooLarge(limit)
    return read
