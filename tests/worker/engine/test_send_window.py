"""Hours, weekdays and zone: when a window opens and closes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.send_window import SendWindow

EVERY_DAY = frozenset(range(7))
ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Europe/Berlin", "Pacific/Auckland", "Australia/Lord_Howe")
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001 - made aware at once
    lambda moment: moment.replace(tzinfo=UTC)
)


def _window(opens: str, closes: str, days: frozenset[int] = EVERY_DAY, zone: str = "Europe/Berlin") -> SendWindow:
    return SendWindow(time.fromisoformat(opens), time.fromisoformat(closes), days, zone)


def _at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "moment", "opening"),
    [
        (_window("09:00", "18:00"), "2026-11-26T08:59", "2026-11-26T09:00"),
        (_window("09:00", "18:00"), "2026-11-26T09:00", None),
        (_window("09:00", "18:00"), "2026-11-26T17:59", None),
        (_window("09:00", "18:00"), "2026-11-26T18:00", "2026-11-27T09:00"),
        (_window("09:00", "18:00", frozenset({0})), "2026-11-26T12:00", "2026-11-30T09:00"),
        (_window("09:00", "18:00", frozenset({3})), "2026-11-26T18:00", "2026-12-03T09:00"),
        (_window("22:00", "06:00", frozenset({4})), "2026-11-28T05:59", None),
        (_window("22:00", "06:00", frozenset({4})), "2026-11-28T06:00", "2026-12-04T22:00"),
        (_window("00:00", "00:00", frozenset({5})), "2026-11-28T23:59", None),
        (_window("00:00", "00:00", frozenset({5})), "2026-11-29T00:00", "2026-12-05T00:00"),
        # The clocks go from 02:00 to 03:00 that night.
        (_window("02:30", "04:00"), "2026-03-29T01:00", "2026-03-29T03:30"),
    ],
)
def test_a_window_opens_at_its_hours(window: SendWindow, moment: str, opening: str | None) -> None:
    assert window.opening(_at(moment)) == (None if opening is None else _at(opening))


def test_the_zone_of_a_recipient_stands_in_for_the_window_s_own() -> None:
    window = _window("09:00", "18:00")
    moment = _at("2026-11-26T09:30")

    assert window.opening(moment) is None
    assert window.opening(moment, "Asia/Kolkata") is None
    assert window.opening(moment, "America/New_York") == _at("2026-11-26T09:00", "America/New_York")


def test_days_that_touch_are_one_opening() -> None:
    span = _window("00:00", "00:00", frozenset({5, 6})).span(_at("2026-11-28T12:00"))

    assert (span.opens, span.closes) == (_at("2026-11-28T00:00"), _at("2026-11-30T00:00"))


@given(
    moment=MOMENTS,
    opens=st.times().map(lambda wall: wall.replace(second=0, microsecond=0)),
    closes=st.times().map(lambda wall: wall.replace(second=0, microsecond=0)),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    zone=st.sampled_from(ZONES),
)
def test_every_moment_is_in_an_opening_or_before_one(
    moment: datetime, opens: time, closes: time, days: frozenset[int], zone: str
) -> None:
    window = SendWindow(opens, closes, days, zone)

    span = window.span(moment)

    assert span.opens < span.closes
    assert span.closes > moment
    assert span.opens - moment < timedelta(days=8)
    assert SendWindow.read(window.written()) == window
    opening = window.opening(moment)
    if opening is not None:
        assert window.opening(opening) is None
        assert opening.astimezone(ZoneInfo(zone)).weekday() in days


def test_no_window_is_none() -> None:
    assert SendWindow.read({}) is None
