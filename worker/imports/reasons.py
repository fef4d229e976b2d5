"""Every reason for which a row is rejected or pointed out: its words, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """`label` heads the group, `text` stands in the rejects file, `expected` says what a good value is, `fix` helps."""

    label: str
    text: str
    expected: str
    fix: str


REASONS: Final[dict[str, Reason]] = {
    "email_missing": Reason(
        "No email address",
        "The email cell is blank",
        "an address such as name@example.com",
        "Fill in the addresses in the rejects file, or leave these rows out.",
    ),
    "phone_missing": Reason(
        "No phone number",
        "The phone cell is blank",
        "a number such as +91 98765 43210",
        "Fill in the numbers in the rejects file, or leave these rows out.",
    ),
    "push_token_missing": Reason(
        "No push token", "The push token cell is blank", "a device's token", "Leave these rows out, or fill them in."
    ),
    "address_missing": Reason(
        "No address at all",
        "Every address cell is blank",
        "an email address, a phone number or a push token",
        "Fill in one address per row in the rejects file, or leave these rows out.",
    ),
    "email_invalid": Reason(
        "Not an email address",
        "The email address cannot be written to",
        "an address such as name@example.com",
        "Correct them in the rejects file and upload it; if the column holds something else, use it as a variable.",
    ),
    "phone_invalid": Reason(
        "Not a phone number",
        "The phone number does not exist in its country's numbering plan",
        "a number such as +91 98765 43210",
        "If these numbers are from another country, change the default country and check again; if the column holds "
        "something else, use it as a variable.",
    ),
    "external_id_too_long": Reason(
        "Customer id too long",
        "The customer id has more than 200 characters",
        "at most 200 characters",
        "Use the column as a variable if it is no id.",
    ),
    "duplicate_in_file": Reason(
        "Twice in the file",
        "The same address stands in another row",
        "an address that stands in one row only",
        "Choose under Duplicates which row is kept, then check again.",
    ),
    "duplicate_in_audience": Reason(
        "Already in the audience",
        "The address is in this audience already",
        "an address that the audience does not hold yet",
        "Choose “keep the last one” to let the new rows take the place of the old ones.",
    ),
    "too_many_cells": Reason(
        "Too many cells",
        "The row has more cells than the header",
        "as many cells as the header",
        "Usually a delimiter inside a value: put the value in quotes, or choose another delimiter above.",
    ),
    "too_few_cells": Reason(
        "Too few cells",
        "The row has fewer cells than the header",
        "as many cells as the header",
        "Usually a line break inside a value: put the value in quotes.",
    ),
    "nul_byte": Reason(
        "NUL character",
        "A cell holds a NUL character, which no text may hold",
        "text without NUL",
        "Export the table again. If every row is affected, the encoding is probably UTF-16: choose it above.",
    ),
    "bad_encoding": Reason(
        "Wrong encoding",
        "A cell holds bytes that the chosen encoding does not know",
        "text in the chosen encoding",
        "Choose another encoding (Windows-1252 is the usual one for older Western files) and check again.",
    ),
    "quote_unclosed": Reason(
        "Quote never closed",
        "A quote is opened in this row and not closed within 100 lines",
        "a closing quote",
        "Close the quote, double it if it is meant as a character, or choose “no quotes” above.",
    ),
    "row_unreadable": Reason(
        "Row cannot be read",
        "The row cannot be taken apart into cells",
        "cells between delimiters",
        "Look at the row in a text editor: it probably holds a stray line break.",
    ),
    "cell_too_long": Reason(
        "Cell too long",
        "A cell has more than 131,072 characters",
        "at most 131,072 characters in a cell",
        "Usually a quote that is never closed; otherwise shorten the value.",
    ),
}

#: Rows that load all the same.
WARNINGS: Final[dict[str, Reason]] = {
    "suppressed": Reason(
        "On the suppression list",
        "The address is on the suppression list",
        "",
        "They are loaded; campaigns leave them out by themselves and say so.",
    ),
}
