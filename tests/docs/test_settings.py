"""docs/settings.md and the class of the settings say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboard.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]


def written(value: Any) -> str:
    """A default as the page writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "empty" if value in (None, "") else str(value)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_has_its_line(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description, "every setting has a help line"
    assert [f"`{name.upper()}`", written(field.default), field.description] in ROWS


def test_the_page_lists_nothing_else_and_keeps_the_order() -> None:
    assert [row[0] for row in ROWS] == [f"`{name.upper()}`" for name in Settings.model_fields]


@pytest.mark.parametrize(("name", "value"), [("TIME_ZONE", "Mars/Phobos"), ("PORT", "0"), ("DEFAULT_COUNTRY", "IND")])
def test_a_wrong_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name.lower()):
        Settings()
