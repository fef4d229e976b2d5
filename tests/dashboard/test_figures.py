"""Numbers for people."""

from hypothesis import given
from hypothesis import strategies as st

from dashboard import figures


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_grouped_number_keeps_its_digits(value: int) -> None:
    text = figures.number(value)

    assert int(text.replace(figures.THIN_SPACE, "")) == value
    assert all(len(group.lstrip("-")) <= 3 for group in text.split(figures.THIN_SPACE))


def test_number_shows_fractions_and_nothing() -> None:
    assert figures.number(1234.5) == f"1{figures.THIN_SPACE}234.5"
    assert figures.number(2.0) == "2"
    assert figures.number(None) == "–"


def test_sizes_are_decimal() -> None:
    assert [figures.byte_size(size) for size in (0, 999, 1000, 1_234_567, 10**12, None)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "1.0 TB",
        "–",
    ]


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_only_all_is_a_hundred_percent_and_only_none_is_zero(part: int, whole: int) -> None:
    part = min(part, whole)
    text = figures.percent(part, whole)

    assert (text == "100 %") == (part == whole)
    assert (text == "0 %") == (part == 0)


def test_share_of_nothing_is_a_dash() -> None:
    assert figures.percent(0, 0) == "–"


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_sparkline_stays_inside_its_box(values: list[float]) -> None:
    for point in figures.sparkline_points(values).split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= 88
        assert 0 <= y <= 22


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
def test_segments_touch_and_fill(amounts: list[int]) -> None:
    parts = figures.segments(amounts)

    assert len(parts) == len(amounts)
    if sum(amounts):
        assert abs(sum(width for _, width in parts) - 100) < 0.1
        assert all(
            abs(left + width - following) < 0.01
            for (left, width), (following, _) in zip(parts, parts[1:], strict=False)
        )


def test_initials() -> None:
    assert [
        figures.initials(name) for name in ("Ada Lovelace", "mira@example.org", "grace.hopper@example.org", "")
    ] == ["AL", "M", "GH", "?"]
