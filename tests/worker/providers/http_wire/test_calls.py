from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from worker.providers.http_wire.calls import Reply, Unreadable, form_call, read_json
from worker.providers.http_wire.redaction import Redactor


@pytest.mark.parametrize(("value", "expected"), [("120", 120.0), ("0", 0.0), ("", None), ("soon", None), ("-5", None)])
def test_the_pause_a_vendor_asks_for(value: str, expected: float | None) -> None:
    assert Reply(429, {"retry-after": value}, b"").retry_after == expected


def test_the_pause_may_be_a_date() -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    found = Reply(429, {"retry-after": header}, b"").retry_after
    assert found is not None
    assert 100 < found <= 120
    assert Reply(429, {"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, b"").retry_after == 0.0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_said(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_json(body)


def test_a_form_is_a_query_for_get() -> None:
    assert form_call("http://a.example/x?y=1", [("t", "é&")], method="GET").url == "http://a.example/x?y=1&t=%C3%A9%26"
    assert form_call("http://a.example/x", [("t", "é&")]).content == b"t=%C3%A9%26"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key s3cr&t word", "key ••• word"),
        ("GET /send?pass=s3cr%26t+word", "GET /send?pass=•••+word"),
        ("GET /send?to=1&password=other&x=2", "GET /send?to=1&password=•••&x=2"),
        ("apikey=abc", "apikey=•••"),
        ("bad apikey=abc.", "bad apikey=•••"),
        ("two\r\nlines\x00", "two lines"),
        ("", ""),
    ],
)
def test_credentials_are_blanked(text: str, expected: str) -> None:
    assert Redactor(["s3cr&t", "abc"])(text) == expected


def test_a_detail_is_of_bounded_length() -> None:
    assert len(Redactor([])("x" * 10_000)) == 500
