"""The keys that app.js knows, for the help page; the rail's own come from dashboard.navigation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dashboard.navigation import Section

#: (keys, what they do); "Ctrl" is Command on a Mac.
EVERYWHERE: Final = (
    ("/", "Search a recipient, an id or a name"),
    ("?", "This list"),
    ("Esc", "Close the dialog or menu, then clear the selection"),
)
LISTS: Final = (
    ("j", "Next row"),
    ("k", "Previous row"),
    ("Enter", "Open the row"),
    ("o", "Open the row"),
    ("x", "Select the row"),
    ("[", "Newer page"),
    ("]", "Older page"),
    ("n", "New"),
    ("f", "Go to the filters"),
    ("e", "Export or edit, as the button says"),
)
FORMS: Final = (
    ("Ctrl S", "Save the draft"),
    ("Ctrl Enter", "Do the main action of the form"),
    ("Ctrl Shift P", "Publish a template"),
)


def places(sections: Iterable[Section]) -> list[tuple[str, str]]:
    """("g c", "Campaigns") for every part of the rail that has a key."""
    return [(f"g {item.key}", item.label) for section in sections for item in section.items if item.key]
