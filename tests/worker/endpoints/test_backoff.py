from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from worker.endpoints.backoff import LONGEST, PAUSES, next_try

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def test_pauses_grow_and_end() -> None:
    waits = []
    for failures in range(1, len(PAUSES) + 1):
        moment = next_try(failures, NOW)
        assert moment is not None
        waits.append(moment - NOW)
        assert PAUSES[failures - 1] <= waits[-1] <= PAUSES[failures - 1] * 1.1
    assert waits == sorted(waits)
    assert next_try(len(PAUSES) + 1, NOW) is None


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("60", timedelta(minutes=1)),
        ("Thu, 26 Nov 2026 12:02:00 GMT", timedelta(minutes=2)),
        ("99999999", LONGEST),
    ],
)
def test_a_longer_pause_that_is_asked_for_is_kept(asked: str, wait: timedelta) -> None:
    assert next_try(1, NOW, asked) == NOW + wait


@pytest.mark.parametrize("asked", ["", "soon", "-5", "1e9", "٣", "Thu, 26 Nov 2020 12:02:00 GMT", "9" * 400])
def test_what_is_no_longer_pause_changes_nothing(asked: str) -> None:
    moment = next_try(1, NOW, asked)
    assert moment is not None
    assert moment <= NOW + PAUSES[0] * 1.1
