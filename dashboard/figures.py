"""Numbers for people: grouping, bytes, shares, and the geometry of small charts drawn as SVG."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

THIN_SPACE: Final = "\u202f"  # narrow no-break space: groups digits without ever breaking the line
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def number(value: float | None) -> str:
    """Return "1 234 567" with narrow no-break spaces; fractions keep up to two places; None is a dash."""
    if value is None:
        return "–"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.2f}".rstrip("0").rstrip(".").replace(",", THIN_SPACE)
    return f"{int(value):,}".replace(",", THIN_SPACE)


def byte_size(value: float | None) -> str:
    """Return a size in decimal units, "1.2 MB", as disks and mail providers count."""
    if value is None:
        return "–"
    size = float(value)
    for unit in _UNITS:
        if abs(size) < 999.5 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("the last unit always returns")


def percent(part: float, whole: float) -> str:
    """Return the share of ``part`` in ``whole``: "12.5 %"; "–" for an empty whole; never rounds up to 100 %."""
    if not whole:
        return "–"
    share = part / whole * 100
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.9 < share < 100:
        return ">99.9 %"
    return f"{share:.1f}".removesuffix(".0") + " %"


def sparkline_points(values: Sequence[float], width: int = 88, height: int = 22) -> str:
    """Return the ``points`` of an SVG polyline for ``values``, y from zero, with one pixel of margin."""
    if not values:
        return ""
    top = max(max(values), 1e-9)
    step = (width - 2) / max(len(values) - 1, 1)
    return " ".join(
        f"{1 + index * step:.1f},{height - 1 - (height - 2) * value / top:.1f}" for index, value in enumerate(values)
    )


def segments(amounts: Sequence[float], width: float = 100.0) -> list[tuple[float, float]]:
    """Return (x, width) of each part of a stacked bar ``width`` units long; parts without amount get no width."""
    total = sum(amounts)
    if total <= 0:
        return [(0.0, 0.0) for _ in amounts]
    edges = [0.0]
    for amount in amounts:
        edges.append(edges[-1] + amount * width / total)
    return [(round(left, 3), round(right - left, 3)) for left, right in pairwise(edges)]


def initials(name: str) -> str:
    """Return at most two letters for an avatar: "Ada Lovelace" gives "AL", "mira@example.org" gives "M"."""
    words = [word for word in name.split("@")[0].replace(".", " ").replace("_", " ").split() if word]
    letters = [word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)]
    return "".join(letters).upper() or "?"
