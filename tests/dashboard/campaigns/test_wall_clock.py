"""Local times in named zones, in the hours in which they mean nothing or two things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.campaigns.wall_clock import (
    distance_words,
    local_text,
    moment_of,
    moment_words,
    parse_wall,
    read_wall,
    zone_names,
)
from dashboard.problems import DomainError

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("zone", "wall", "before", "after"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", "01:59", "03:00"),
        ("America/New_York", "2026-03-08T02:00", "01:59", "03:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:10", "01:59", "02:30"),  # this island moves by half an hour
    ],
)
def test_a_time_that_the_clocks_jump_over_is_refused_with_both_neighbours(zone, wall, before, after):
    clock = read_wall(parse_wall(wall), ZoneInfo(zone))
    assert clock.moments == ()
    assert [neighbour.strftime("%H:%M") for neighbour in clock.neighbours] == [before, after]
    with pytest.raises(DomainError) as refused:
        moment_of(wall, zone)
    assert refused.value.code == "nonexistent_time"
    assert refused.value.field == "schedule_local"
    assert before in refused.value.message
    assert after in refused.value.message


@pytest.mark.parametrize(
    ("zone", "wall", "first", "second"),
    [
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30", "2026-11-01T06:30"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45", "2026-04-04T15:15"),
    ],
)
def test_a_doubled_time_is_two_moments_and_fold_picks_one(zone, wall, first, second):
    clock = read_wall(parse_wall(wall), ZoneInfo(zone))
    assert clock.doubled
    assert local_text(moment_of(wall, zone, 0), "UTC") == first
    assert local_text(moment_of(wall, zone, 1), "UTC") == second


def test_kolkata_never_changes_its_clocks():
    for day in range(0, 365, 7):
        wall = datetime(2026, 1, 1, 2, 30) + timedelta(days=day)
        assert len(read_wall(wall, ZoneInfo("Asia/Kolkata")).moments) == 1


@settings(max_examples=150, deadline=None)
@given(
    wall=st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2032, 1, 1)).map(
        lambda wall: wall.replace(second=0, microsecond=0)
    ),
    zone=st.sampled_from(ZONES),
    fold=st.sampled_from((0, 1)),
)
def test_local_to_utc_and_back_is_the_same_time(wall, zone, fold):
    clock = read_wall(wall, ZoneInfo(zone))
    text = wall.strftime("%Y-%m-%dT%H:%M")
    if clock.moments:
        assert local_text(moment_of(text, zone, fold), zone) == text
    else:
        assert all(read_wall(neighbour, ZoneInfo(zone)).moments for neighbour in clock.neighbours)


@settings(max_examples=150, deadline=None)
@given(
    moment=st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2032, 1, 1), timezones=st.just(UTC)).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    ),
    zone=st.sampled_from(ZONES),
)
def test_every_moment_is_among_the_moments_of_its_wall_time(moment, zone):
    wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert moment in read_wall(wall, ZoneInfo(zone)).moments


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-11-24T09:00+01:00", "1999-01-01T00:00", "2026-02-30T10:00"])
def test_what_is_no_local_time_is_refused(text):
    with pytest.raises(DomainError) as refused:
        parse_wall(text)
    assert refused.value.field == "schedule_local"


def test_an_unknown_zone_is_refused_at_its_field():
    with pytest.raises(DomainError) as refused:
        moment_of("2026-11-24T09:00", "Mars/Olympus")
    assert refused.value.field == "schedule_zone"


def test_words_of_a_moment():
    moment = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert moment_words(moment, "Europe/Berlin") == "Tue 24 Nov 2026, 09:00 Europe/Berlin (UTC+1)"
    assert moment_words(moment, "UTC") == "Tue 24 Nov 2026, 08:00 UTC"
    assert distance_words(moment, moment - timedelta(hours=21, minutes=40)) == "in 21 h 40 min"
    assert distance_words(moment, moment + timedelta(hours=2)) == "2 h ago"
    assert distance_words(moment, moment + timedelta(seconds=20)) == "now"


def test_zones_offered_are_places_and_utc():
    names = zone_names()
    assert {"UTC", *ZONES} <= set(names)
    assert not any(name.startswith(("Etc/", "posix/", "GMT")) for name in names)
