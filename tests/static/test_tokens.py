"""The palette can be read in both themes, and no other part of the stylesheet invents colours, text sizes or spaces."""

import re
from itertools import product
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "static/css/app.css").read_text()
TOKEN_LAYER = CSS[CSS.index("@layer tokens {") : CSS.index("@layer reset {")]
RULES = re.sub(r"/\*.*?\*/", "", CSS.replace(TOKEN_LAYER, ""), flags=re.DOTALL)
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", TOKEN_LAYER)
}
SURFACES = ("bg", "surface", "sunken", "hover")
KINDS = ("ok", "info", "warn", "bad", "special", "neutral")
READABLE = [
    *product(("text", "muted", "accent"), SURFACES),
    *((kind, f"{kind}-bg") for kind in KINDS),
    *product(KINDS, ("surface", "bg")),
    ("accent-fg", "accent"),
    ("accent-fg", "accent-strong"),
    ("accent", "accent-bg"),
    ("muted", "accent-bg"),
    ("text", "accent-bg"),
    *(("text", f"{kind}-bg") for kind in KINDS),
    *(("accent", f"{kind}-bg") for kind in ("ok", "warn", "bad", "info")),
    ("surface", "bad"),
]
VISIBLE = [*product(("control", "focus"), SURFACES), ("accent", "sunken"), *((kind, "sunken") for kind in KINDS)]


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_contrast_of_black_and_white_is_the_known_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), READABLE, ids=lambda name: str(name))
def test_text_is_readable(text: str, ground: str, theme: int) -> None:
    assert contrast(PAIRS[text][theme], PAIRS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), VISIBLE, ids=lambda name: str(name))
def test_edges_and_shapes_are_visible(edge: str, ground: str, theme: int) -> None:
    assert contrast(PAIRS[edge][theme], PAIRS[ground][theme]) >= 3


def test_no_colour_outside_the_tokens() -> None:
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{]*[;}])|\b(?:rgba?|hsla?|oklch)\(", RULES) == []
    assert (
        re.findall(r"(?:color|background|fill|stroke|border[a-z-]*):[^;}]*\b(?:white|black|red|gray|grey)\b", RULES)
        == []
    )


def test_no_text_size_or_space_outside_the_tokens() -> None:
    spacing = r"(?:padding|margin|gap|row-gap|column-gap)(?:-[a-z]+)*: ?[^;}]*?\b\d*\.?\d+(?:px|rem)\b"

    assert re.findall(r"font(?:-size)?: ?[^;}]*?\b\d*\.?\d+(?:px|rem)\b[^;}]*", RULES) == []
    assert re.findall(spacing, RULES) == []


def test_every_token_that_is_used_is_defined() -> None:
    defined = set(re.findall(r"(--[a-z0-9-]+):", CSS))

    assert set(re.findall(r"var\((--[a-z0-9-]+)", CSS)) - defined == set()


def test_style_follows_the_wishes_of_the_system() -> None:
    for wish in ("prefers-reduced-motion", "prefers-contrast: more", "forced-colors: active", "@media print"):
        assert wish in CSS
