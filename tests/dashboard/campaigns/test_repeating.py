"""Cron rules in a zone: over changes of the clocks, with an end, and refused where they make no sense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.campaigns.repeating import SHORTEST_REPEAT, check_cron, next_run, next_runs
from dashboard.campaigns.wall_clock import local_text
from dashboard.problems import DomainError


def shown(cron: str, zone: str, after: datetime, **options) -> list[str]:
    return [local_text(moment, zone) for moment in next_runs(cron, zone, after=after, **options)]


def test_nine_o_clock_stays_nine_o_clock_over_both_changes_of_the_clocks():
    spring = shown("0 9 * * *", "Europe/Berlin", datetime(2026, 3, 27, 12, tzinfo=UTC), count=3)
    assert spring == ["2026-03-28T09:00", "2026-03-29T09:00", "2026-03-30T09:00"]
    autumn = shown("0 9 * * *", "America/New_York", datetime(2026, 10, 31, 12, 59, tzinfo=UTC), count=3)
    assert autumn == ["2026-10-31T09:00", "2026-11-01T09:00", "2026-11-02T09:00"]


def test_a_run_in_the_hour_that_falls_out_comes_right_after_it():
    runs = shown("30 2 * * *", "Europe/Berlin", datetime(2026, 3, 28, 12, tzinfo=UTC), count=2)
    assert runs == ["2026-03-29T03:00", "2026-03-30T02:30"]


def test_a_run_in_the_doubled_hour_comes_once():
    runs = next_runs("30 2 * * *", "Europe/Berlin", after=datetime(2026, 10, 24, 12, tzinfo=UTC), count=2)
    assert runs == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


def test_the_end_cuts_the_runs_off():
    after = datetime(2026, 11, 24, tzinfo=UTC)
    until = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    assert shown("0 9 * * *", "UTC", after, until=until) == ["2026-11-24T09:00", "2026-11-25T09:00", "2026-11-26T09:00"]
    assert next_run("0 9 * * *", "UTC", after=until, until=until) is None


@settings(max_examples=60, deadline=None)
@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from(("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")),
    after=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)),
)
def test_a_daily_rule_runs_once_a_day_whatever_the_clocks_do(minute, hour, zone, after):
    runs = next_runs(f"{minute} {hour} * * *", zone, after=after, count=4)
    days = [local_text(moment, zone)[:10] for moment in runs]
    assert len(set(days)) == 4
    assert all(moment > after for moment in runs)
    assert runs == sorted(runs)
    assert all(later - earlier >= timedelta(hours=22) for earlier, later in zip(runs, runs[1:], strict=False))


@pytest.mark.parametrize(
    ("cron", "code"),
    [
        ("", "bad_cron"),
        ("0 9 * *", "bad_cron"),
        ("0 0 9 * * *", "bad_cron"),
        ("61 * * * *", "bad_cron"),
        ("0 9 31 2 *", "bad_cron"),
        ("R 9 * * *", "bad_cron"),
        ("@reboot", "bad_cron"),
        ("* * * * *", "too_often"),
        ("*/5 9 * * *", "too_often"),
    ],
)
def test_rules_that_make_no_sense_are_refused_at_their_field(cron, code):
    with pytest.raises(DomainError) as refused:
        check_cron(cron)
    assert refused.value.field == "cron"
    assert refused.value.code == code


def test_a_rule_is_kept_with_single_spaces():
    assert check_cron("  0   9 * *  MON-FRI ") == "0 9 * * MON-FRI"
    minutes = int(SHORTEST_REPEAT.total_seconds() // 60)
    assert check_cron(f"*/{minutes} * * * *") == f"*/{minutes} * * * *"
