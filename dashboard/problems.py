"""What services raise for people. The tree:

Problem
├── DomainError      a rule refused the input: field (None = the whole form), code, message
├── NotFound         no such object
├── Conflict         somebody saved in between: what is there now
├── RateLimited      too often: when to come back
└── NotAllowed       the user's role does not reach that far
"""

from __future__ import annotations

from typing import Any, Protocol


class Problem(Exception):
    """Base of all of them; `message` is a sentence for the person at the screen, with the next step."""

    code = "problem"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class DomainError(Problem):
    def __init__(self, message: str, *, field: str | None = None, code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


class NotFound(Problem):
    code = "not_found"


class NotAllowed(Problem):
    code = "not_allowed"


class Conflict(Problem):
    code = "conflict"

    def __init__(self, message: str, *, current: Any = None) -> None:
        super().__init__(message)
        self.current = current


class RateLimited(Problem):
    """`retry_after` is in seconds."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HasVersion(Protocol):
    version: Any


def check_version(row: HasVersion, seen: int | None) -> None:
    """Raise Conflict where the row was saved since the form was opened, else count the version up.

    Call it inside `transaction()`, where the row is read under the write lock; None skips the check.
    """
    if seen is not None and row.version != seen:
        raise Conflict("Somebody else saved this while you were editing. Compare, then save again.", current=row)
    row.version = row.version + 1
