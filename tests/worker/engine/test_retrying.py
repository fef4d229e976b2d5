from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dashboard.messages.models import TRANSITIONS, MessageState
from worker.engine.retrying import RetryPolicy, change_for, wait_before_next
from worker.engine.rows import RecordRow, Row
from worker.providers.base import Outcome, Result

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
POLICY = RetryPolicy(max_attempts=6, retry_seconds=30, resend_unknown=True, outages_spend_tries=False)


def _row(attempt: int = 1, *, maybe_twice: bool = False) -> Row:
    return Row(1, 0, RecordRow(0, None, None, None, ""), "", attempt, maybe_twice)


@given(
    attempt=st.integers(1, 9),
    maybe_twice=st.booleans(),
    result=st.sampled_from(list(Result)),
    code=st.sampled_from(["", "450", "connect_failed", "not_attempted"]),
    retry_after=st.none() | st.floats(-10, 1e9),
    resend=st.booleans(),
    spend=st.booleans(),
    expires=st.none() | st.integers(-10, 100_000),
)
def test_every_change_is_a_legal_one_and_bounded(
    attempt: int,
    maybe_twice: bool,
    result: Result,
    code: str,
    retry_after: float | None,
    resend: bool,
    spend: bool,
    expires: int | None,
) -> None:
    expires_at = None if expires is None else NOW + timedelta(seconds=expires)
    policy = RetryPolicy(6, 30, resend, spend, expires_at)

    change, _ = change_for(
        _row(attempt, maybe_twice=maybe_twice),
        Outcome(1, result, code=code, retry_after=retry_after),
        policy,
        lambda: NOW,
    )

    assert change.state in TRANSITIONS[MessageState.SENDING]
    assert change.attempts in (attempt, attempt - 1)
    assert change.maybe_twice >= maybe_twice
    if change.state is MessageState.QUEUED:
        assert change.not_before is not None
        assert NOW - timedelta(seconds=10) <= change.not_before <= NOW + timedelta(hours=12)
        assert code == "not_attempted" or expires_at is None or change.not_before < expires_at
    else:
        assert change.not_before is None
        assert change.attempts == attempt


def test_the_wait_doubles_with_a_fifth_of_jitter() -> None:
    for attempt, seconds in ((1, 30), (2, 60), (3, 120), (5, 480)):
        waits = [wait_before_next(attempt, None, POLICY) for _ in range(50)]
        assert seconds * 0.8 <= min(waits) <= max(waits) <= seconds * 1.2


def test_what_the_provider_asks_for_counts_up_to_six_hours() -> None:
    assert wait_before_next(1, 7.5, POLICY) == 7.5
    assert wait_before_next(1, 1e9, POLICY) == 6 * 3600
    assert wait_before_next(1, -5, POLICY) == 0


def test_the_last_try_fails_with_the_words_of_the_provider() -> None:
    change, note = change_for(_row(6), Outcome(1, Result.RETRY, code="451", detail="Busy"), POLICY, lambda: NOW)

    assert (change.state, change.code, change.detail, note) == (MessageState.FAILED, "451", "Busy", None)


def test_a_third_copy_is_never_risked() -> None:
    change, _ = change_for(_row(2, maybe_twice=True), Outcome(1, Result.UNKNOWN, code="timeout"), POLICY, lambda: NOW)

    assert change.state is MessageState.UNKNOWN
