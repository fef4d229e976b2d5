"""What a first visit may weigh (ux.md P2): bytes after gzip."""

import gzip
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "static"


@pytest.mark.parametrize(
    ("name", "limit_kb"),
    [("css/app.css", 14), ("js/app.js", 8), ("vendor/icons.svg", 6), ("js/uploader.js", 4), ("js/editor.js", 5)],
)
def test_file_stays_in_its_budget(name: str, limit_kb: int) -> None:
    assert len(gzip.compress((STATIC / name).read_bytes(), 9)) <= limit_kb * 1024


def test_ordinary_page_loads_under_a_hundred_kilobytes() -> None:
    parts = ["css/app.css", "js/app.js", "vendor/htmx.min.js", "vendor/icons.svg", "icon.svg"]

    assert sum(len(gzip.compress((STATIC / part).read_bytes(), 9)) for part in parts) < 40_000


def test_scripts_of_ours_keep_to_the_content_security_policy() -> None:
    for script in (STATIC / "js").glob("*.js"):
        text = script.read_text()
        for forbidden in (
            "eval(",
            "new Function",
            "innerHTML",
            "insertAdjacentHTML",
            "document.write",
            'setAttribute("style"',
        ):
            assert forbidden not in text.replace('"innerHTML"', ""), f"{script.name}: {forbidden}"
