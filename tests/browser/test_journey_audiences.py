"""Journey 4: rows from a file and from the clipboard, checked before anything is loaded."""

from __future__ import annotations

import csv
import secrets
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.hands import Hands
from tests.browser.journeys import Journey, refused, told

ROWS = (
    "e-mail;Vorname;Ort;Punkte\n"
    "ada@example.com;Ada;London;12\n"
    "no address;Björn;Århus;0\n"
    "grace@example.com;Grace;New York;7\n"
    "ada@example.com;Ada again;London;3\n"
    "linus@example.com;Linus;Helsinki;5\n"
)


def loaded(hands: Hands) -> Locator:
    """The line that says how many rows are loaded."""
    return hands.page.locator("#import .callout", has_text="rows are loaded")


def test_a_file_is_mapped_checked_and_loaded(journey: Journey, tmp_path: Path) -> None:
    journey.console.expect(422)
    file = tmp_path / "customers.csv"
    file.write_bytes(ROWS.encode("cp1252"))
    hands = journey.enter(journey.desk.person())
    page = hands.page
    name = f"Customers {secrets.token_hex(3)}"
    hands.visit("Audiences")
    hands.button("New audience")
    hands.fill("Name", name)
    hands.attach(page.get_by_label("File", exact=True), file)
    hands.button("Upload")

    expect(page.get_by_label("Delimiter")).to_have_value(";")
    expect(page.get_by_role("cell", name="Århus", exact=True)).to_be_visible()
    _spoil_and_mend_the_mapping(hands)
    hands.button("Check the whole file")
    hands.button("Load 3 rows")
    expect(loaded(hands)).to_contain_text("3 rows are loaded")

    rejects = hands.download(page.get_by_role("link", name="Download rejects"))
    with Path(rejects.path()).open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.reader(text))
    assert rows[0][:4] == ["_row", "_code", "_reason", "_expected"] or set(rows[0]) >= {"e-mail", "_row", "_code"}
    assert sorted(row[rows[0].index("e-mail")] for row in rows[1:]) == ["ada@example.com", "no address"]

    _give_repaired_rows_back(hands, tmp_path, rows)
    hands.button(f"Open {name}")
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    told(hands, "Björn")


def _spoil_and_mend_the_mapping(hands: Hands) -> None:
    page = hands.page
    use, variable = page.get_by_label("Use of e-mail"), page.get_by_label("Variable name of Vorname")
    hands.choose(use, "Ignore")
    hands.write(variable, "not a name!")
    hands.button("Check the whole file")
    refused(hands, "address")
    hands.choose(use, "Email address")
    hands.write(variable, "first_name")


def _give_repaired_rows_back(hands: Hands, folder: Path, rows: list[list[str]]) -> None:
    """The download, repaired in a spreadsheet, is known by itself and added to what is there."""
    repaired = folder / "repaired.csv"
    with repaired.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        for row in rows:
            if "ada@example.com" not in row:
                writer.writerow("bjorn@example.com" if cell == "no address" else cell for cell in row)
    hands.button("Upload repaired rows")
    hands.attach(hands.page.get_by_label("File", exact=True), repaired)
    hands.button("Upload")
    told(hands, "This is a file of rejected rows given back")
    hands.button("Check the whole file")
    hands.button("Load 1 rows")
    expect(loaded(hands)).to_be_visible()


def test_pasted_rows_become_an_audience(journey: Journey) -> None:
    journey.console.expect(422)
    hands = journey.enter(journey.desk.person())
    page = hands.page
    hands.visit("Audiences")
    hands.button("New audience")
    hands.press(page.get_by_role("link", name="Paste rows"))
    name = f"Pasted {secrets.token_hex(3)}"
    hands.fill("Name", name)
    hands.fill("Rows", "  \n")
    hands.button("Look at the columns")
    refused(hands, "Paste")
    hands.fill("Rows", "email,first_name\nmira@example.com,Mira\n=1+1,Formula\n")
    hands.button("Look at the columns")
    hands.button("Check the whole file")
    hands.button("Load 1 rows")
    expect(loaded(hands)).to_be_visible()
    hands.button(f"Open {name}")
    told(hands, "Mira")
