"""Times for people."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g
from hypothesis import given
from hypothesis import strategies as st

from dashboard import timefmt

pytestmark = pytest.mark.sqlite_only  # nothing here depends on the database

NOW = datetime(2026, 11, 24, 8, 5, 12, 345000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"), (-4, "just now"), (-5, "5 seconds ago"), (-60, "1 minute ago"), (-3599, "59 minutes ago"),
        (-7200, "2 hours ago"), (-86400 * 3, "3 days ago"), (90, "in 1 minute"), (86400, "in 1 day"),
    ],
)  # fmt: skip
def test_relative_words(seconds: int, words: str) -> None:
    assert timefmt.relative(NOW + timedelta(seconds=seconds), now=NOW) == words


def test_long_ago_is_a_date(app: Flask) -> None:
    assert timefmt.relative(NOW - timedelta(days=60), now=NOW) == "25 Sep 2026, 08:05"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "0 ms"), (0.34, "340 ms"), (1, "1 s"), (4.2, "4.2 s"), (59.6, "1 min"), (185, "3 min 5 s"),
        (3600, "1 h"), (7800, "2 h 10 min"), (273600, "3 d 4 h"), (-90, "-1 min 30 s"), (None, "–"),
    ],
)  # fmt: skip
def test_durations(seconds: float | None, words: str) -> None:
    assert timefmt.duration(seconds) == words


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_duration_has_two_units_at_most(length: timedelta) -> None:
    assert len(timefmt.duration(length).split()) in (2, 4)


def test_shown_in_the_zone_of_the_user(app: Flask) -> None:
    with app.test_request_context("/"):
        g._login_user = SimpleNamespace(time_zone="Europe/Berlin", is_authenticated=True)
        assert timefmt.absolute(NOW) == "24 Nov 2026, 09:05"
        assert timefmt.exact(NOW) == "Tue 24 Nov 2026, 09:05:12 Europe/Berlin (UTC+1)"
        assert timefmt.current_zone() == ZoneInfo("Europe/Berlin")


def test_shown_in_the_zone_of_the_installation_without_a_choice(app: Flask) -> None:
    with app.test_request_context("/"):
        g._login_user = SimpleNamespace(time_zone="", is_authenticated=True)
        assert timefmt.zone_name() == "UTC"


def test_unknown_zone_does_not_break_the_page(app: Flask) -> None:
    with app.test_request_context("/"):
        g._login_user = SimpleNamespace(time_zone="Mars/Olympus", is_authenticated=True)
        assert timefmt.absolute(NOW) == "24 Nov 2026, 08:05"


def test_naive_times_are_utc() -> None:
    assert timefmt.iso(NOW.replace(tzinfo=None)) == timefmt.iso(NOW) == "2026-11-24T08:05:12.345Z"


@pytest.mark.parametrize(
    ("zone", "words"),
    [("UTC", "UTC"), ("Asia/Kolkata", "UTC+5:30"), ("America/New_York", "UTC-5"), ("Asia/Kathmandu", "UTC+5:45")],
)
def test_offsets(zone: str, words: str) -> None:
    assert timefmt.offset_words(NOW.astimezone(ZoneInfo(zone))) == words
