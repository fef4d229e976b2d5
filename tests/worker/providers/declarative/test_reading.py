"""Filling a description and finding places in answers."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from worker.providers.declarative.filling import fill, shared_places
from worker.providers.declarative.finding import find, parts, read
from worker.providers.declarative.lines import read_kinds, read_names, read_pairs, read_statuses
from worker.providers.http_wire.callbacks import probe, read_reference, read_time
from worker.providers.http_wire.calls import Unreadable
from worker.providers.receipts import ReceiptKind, WebhookRequest

ANNA = {"to": "+911", "to_digits": "911", "text": "Hi {sender}", "sender": "S", "unicode": False, "none": ""}
BERT = {**ANNA, "to": "+912", "to_digits": "912"}


@pytest.mark.parametrize(
    ("structure", "expected"),
    [
        ({"a": "{to}", "b": "{none}", "c": "", "d": "x{none}y"}, {"a": "+911,+912", "c": "", "d": "xy"}),
        (
            {"m": [{"to": "{to_digits}", "u": "{unicode}"}]},
            {"m": [{"to": "911", "u": False}, {"to": "912", "u": False}]},
        ),
        ({"m": [{"d": [{"to": "{to}"}]}]}, {"m": [{"d": [{"to": "+911"}]}, {"d": [{"to": "+912"}]}]}),
        ({"text": "{text}", "n": 1, "list": ["{sender}"]}, {"text": "Hi {sender}", "n": 1, "list": ["S"]}),
        ("<a>{text}</a>", "<a>Hi {sender}</a>"),
    ],
)
def test_places_are_filled(structure: Any, expected: Any) -> None:
    assert fill(structure, [ANNA, BERT]) == expected


def test_only_places_outside_repeated_lists_bind_the_messages_of_a_call() -> None:
    assert shared_places({"a": "{sender}", "m": [{"to": "{to}", "text": "{text}"}]}) == {"sender"}
    assert shared_places({"to": "{to}", "text": "{text}", "l": ["{a}", "{b}"]}) == {"text", "a", "b"}


JSON = read(b'{"a": {"b": [{"id": 7, "ok": true}, {"id": 8}]}, "none": null}', "json")
XML = read(
    b"""<?xml version="1.0"?><!DOCTYPE R SYSTEM "R.dtd"><R ID = '1'><M T='5'/><M T='6'><E><C> 9 </C></E></M></R>""",
    "xml",
)
TEXT = read(b"success | 911 | id-1\nerror | 102 | wrong\n", "text")


@pytest.mark.parametrize(
    ("document", "place", "expected"),
    [
        (JSON, "a.b.0.id", "7"),
        (JSON, "a.b.0.ok", "true"),
        (JSON, "a.b.5.id", ""),
        (JSON, "none", ""),
        (JSON, "a", ""),
        (JSON, r'regex:"id": (\d+)', "7"),
        (JSON, "", ""),
        (XML, "@ID", "1"),
        (XML, "M@T", "5"),
        (XML, ".//C", "9"),
        (XML, ".//X@T", ""),
        (TEXT, r"success \| \d+ \| (\S+)", "id-1"),
        (TEXT, "regex:error", "error"),
        (TEXT, "(x)?error", "error"),
    ],
)
def test_places_are_found(document: Any, place: str, expected: str) -> None:
    assert find(document, place) == expected


def test_parts_of_an_answer() -> None:
    assert [find(part, "id") for part in parts(JSON, "a.b")] == ["7", "8"]
    assert [find(part, "@T") for part in parts(XML, "M")] == ["5", "6"]
    assert [part.text for part in parts(TEXT, "^(success|error)")] == ["success | 911 | id-1", "error | 102 | wrong"]
    assert parts(JSON, "a.b.0.id") == []


@pytest.mark.parametrize("body", [b"<R", b"", b'<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>', b"<r>&unknown;</r>"])
def test_xml_that_is_broken_or_dangerous_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body, "xml")


KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        ("1790000000", "", datetime.fromtimestamp(1790000000, UTC)),
        ("1790000000000", "", datetime.fromtimestamp(1790000000, UTC)),
        ("2026-11-23 10:00:00", "", datetime(2026, 11, 23, 10, tzinfo=KOLKATA)),
        ("2026-11-23T10:00:00Z", "", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("20261123100000", "", datetime(2026, 11, 23, 10, tzinfo=KOLKATA)),
        ("261123100000", "", datetime(2026, 11, 23, 10, tzinfo=KOLKATA)),
        ("2611231000", "%y%m%d%H%M", datetime(2026, 11, 23, 10, tzinfo=KOLKATA)),
        ("yesterday", "", None),
        ("", "", None),
        ("1" * 400, "", None),
        ("nan", "", None),
    ],
)
def test_times_of_many_spellings(text: str, format_: str, expected: datetime | None) -> None:
    assert read_time(text, format_, KOLKATA) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("12", 12), ("0", None), ("", None), ("-1", None), ("9" * 19, None), ("x", None), ("²", None)],
)
def test_only_our_own_ids_are_references(text: str, expected: int | None) -> None:
    assert read_reference(text) == expected


@pytest.mark.parametrize(
    ("method", "body", "answered"),
    [("HEAD", b"", True), ("POST", b" [] ", True), ("POST", b"[1]", False), ("GET", b"", False)],
)
def test_test_calls_of_vendors_are_answered(method: str, body: bytes, answered: bool) -> None:
    assert (probe(WebhookRequest(method, {}, {}, body)) is not None) is answered


def test_tables_of_settings() -> None:
    assert read_pairs("a = b=c\n\n d =") == {"a": "b=c", "d": ""}
    assert read_kinds("104 = Configuration") == {"104": "configuration"}
    assert read_statuses("DELIVRD = delivered") == {"delivrd": ReceiptKind.DELIVERED}
    assert read_names("status = a, b") == {"status": ("a", "b")}


@pytest.mark.parametrize(
    ("reader", "text", "words"),
    [
        (read_pairs, "a = b\nc", "Line 2"),
        (read_pairs, "= c", "Line 1"),
        (read_kinds, "5 = maybe", "“maybe” for 5 is none of permanent, retry"),
        (read_statuses, "X = gone", "“gone” for X is none of accepted, delivered"),
        (read_names, "nmae = x", "“nmae” is none of message_id"),
    ],
)
def test_tables_that_are_none_say_where(reader: Any, text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        reader(text)
