from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.ids import public_id, time_of
from dashboard.reports.filters import LONGEST, RANGES, ReportFilters

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = date(2026, 11, 24)


def read(**query: str) -> ReportFilters:
    return ReportFilters.from_query(query, zone=BERLIN, today=TODAY)


def days(filters: ReportFilters) -> tuple[str, str]:
    return filters.first.isoformat(), filters.last.isoformat()


def test_the_default_is_the_last_seven_days_with_today() -> None:
    assert days(read()) == ("2026-11-18", "2026-11-24")
    assert read().range == "7d"
    assert read(range="nonsense").days == 7


@pytest.mark.parametrize(("name", "count"), [(name, count) for name, (_, count) in RANGES.items()])
def test_each_range_ends_today(name: str, count: int) -> None:
    filters = read(range=name)
    assert (filters.days, filters.last) == (count, TODAY)


def test_days_typed_into_the_form_win_over_its_range() -> None:
    form = {"range": "7d", "from": "2026-11-18", "to": "2026-11-24"}
    assert read(**form).range == "7d"
    changed = read(**(form | {"from": "2026-11-01"}))
    assert changed.range == ""
    assert days(changed) == ("2026-11-01", "2026-11-24")


@pytest.mark.parametrize(
    ("query", "expected", "remark"),
    [
        ({"from": "2026-11-02", "to": "2026-11-05"}, ("2026-11-02", "2026-11-05"), ""),
        ({"from": "2026-11-20"}, ("2026-11-20", "2026-11-24"), ""),
        ({"to": "2026-11-10"}, ("2026-11-04", "2026-11-10"), ""),
        ({"from": "2026-12-01"}, ("2026-12-01", "2026-12-01"), ""),
        ({"from": "2026-11-05", "to": "2026-11-02"}, ("2026-11-02", "2026-11-05"), "swapped"),
        ({"from": "2020-01-01", "to": "2026-11-24"}, ("2025-11-24", "2026-11-24"), "366 days at most"),
        ({"from": "yesterday"}, ("2026-11-18", "2026-11-24"), ""),
        ({"from": "0001-01-01", "to": "9999-12-31"}, ("2026-11-18", "2026-11-24"), ""),
    ],
)
def test_days_are_made_sensible(query: dict[str, str], expected: tuple[str, str], remark: str) -> None:
    filters = read(**query)
    assert days(filters) == expected
    assert remark in filters.remark
    assert bool(remark) == bool(filters.remark)


def test_bounds_are_midnights_of_the_zone_also_when_the_clock_changes() -> None:
    low, high = read(**{"from": "2026-10-25", "to": "2026-10-25"}).bounds()
    assert time_of(high) - time_of(low) == timedelta(hours=25)
    assert time_of(low).astimezone(BERLIN).isoformat() == "2026-10-25T00:00:00+02:00"


def test_the_days_before_are_as_many_and_next_to_them() -> None:
    assert days(read().before()) == ("2026-11-11", "2026-11-17")
    assert read(channel="sms").before().channel == "sms"


def test_a_query_string_gives_the_same_filters_again() -> None:
    filters = read(**{"from": "2026-11-02", "to": "2026-11-05", "channel": "email", "template": public_id("tpl", 7)})
    assert ReportFilters.from_query(dict(parse_qsl(filters.query())), zone=BERLIN, today=TODAY) == filters
    assert filters.query(template=None, sort="-errors") == "channel=email&from=2026-11-02&sort=-errors&to=2026-11-05"
    assert read(range="30d").query() == "range=30d"


def test_the_log_gets_the_days_and_what_narrows_them() -> None:
    url = read(campaign=public_id("cmp", 7), template="nonsense", channel="nonsense").log_url(state="error")
    assert dict(parse_qsl(url.partition("?")[2])) == {
        "from": "2026-11-18", "to": "2026-11-24", "campaign": public_id("cmp", 7), "state": "error",
    }  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["range", "from", "to", "channel", "template", "campaign", "provider"]),
        st.one_of(st.text(max_size=12), st.dates().map(date.isoformat), st.sampled_from([*RANGES])),
    )
)
def test_no_query_breaks_it_or_makes_it_longer_than_a_year(query: dict[str, str]) -> None:
    filters = read(**query)
    assert 1 <= filters.days <= LONGEST
    assert dict(parse_qsl(filters.query()))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 400))
def test_chosen_days_survive_the_query_string(first: date, more: int) -> None:
    query = {"from": first.isoformat(), "to": (first + timedelta(days=more)).isoformat()}
    filters = read(**query)
    again = ReportFilters.from_query(dict(parse_qsl(filters.query())), zone=BERLIN, today=TODAY)
    assert days(again) == days(filters)
