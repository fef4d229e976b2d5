from datetime import UTC, datetime

import pytest

from worker.providers.receipts import ReceiptKind
from worker.providers.smpp_wire.pdus import Delivery, read_delivery
from worker.providers.smpp_wire.receipts import id_of_answer, id_of_receipt, is_receipt, read_receipt
from worker.providers.smpp_wire.settings import WireSettings

WIRE = WireSettings("127.0.0.1", 2775, "shop", "secret", time_zone="Asia/Kolkata")
TEXT = b"id:m1 sub:001 dlvrd:001 submit date:2611261200 done date:2611261205 stat:DELIVRD err:000 text:id:m9 stat:X"


def delivery(text: bytes = b"", tlvs: dict[int, bytes] | None = None, esm_class: int = 0x04) -> Delivery:
    return Delivery(esm_class, "919800000001", "PARCEL", 0, text, tlvs or {})


def test_the_layout_of_the_specification() -> None:
    receipt = read_receipt(WIRE, delivery(TEXT))
    assert receipt is not None
    assert (receipt.kind, receipt.provider_message_id) == (ReceiptKind.DELIVERED, "m1")
    assert (receipt.recipient, receipt.code) == ("919800000001", "")
    assert receipt.occurred_at == datetime(2026, 11, 26, 6, 35, tzinfo=UTC)
    assert receipt.event_id == "m1:DELIVRD:2611261205"


def test_tlvs_count_before_the_text() -> None:
    tlvs = {0x001E: b"m2\x00", 0x0427: b"\x05", 0x0423: b"\x03\x00\x45"}
    receipt = read_receipt(WIRE, delivery(TEXT, tlvs))
    assert receipt is not None
    assert (receipt.kind, receipt.provider_message_id, receipt.code) == (ReceiptKind.BOUNCED, "m2", "69")


@pytest.mark.parametrize(
    ("stat", "kind"),
    [
        ("ENROUTE", ReceiptKind.ACCEPTED), ("ACCEPTD", ReceiptKind.ACCEPTED), ("DELIVRD", ReceiptKind.DELIVERED),
        ("EXPIRED", ReceiptKind.EXPIRED), ("DELETED", ReceiptKind.FAILED), ("UNDELIV", ReceiptKind.BOUNCED),
        ("REJECTD", ReceiptKind.FAILED), ("REJECTED", ReceiptKind.FAILED), ("UNKNOWN", ReceiptKind.UNKNOWN),
        ("LOST", ReceiptKind.UNKNOWN), ("delivrd", ReceiptKind.DELIVERED),
    ],
)  # fmt: skip
def test_each_state_in_words(stat: str, kind: ReceiptKind) -> None:
    receipt = read_receipt(WIRE, delivery(f"id:7 stat:{stat} err:001 Text:".encode()))
    assert receipt is not None
    assert (receipt.kind, receipt.code) == (kind, "001")


def test_seconds_in_dates_and_dates_that_are_none() -> None:
    with_seconds = read_receipt(WIRE, delivery(b"id:7 done date:261126120509 stat:DELIVRD"))
    without = read_receipt(WIRE, delivery(b"id:7 done date:2613331205 stat:DELIVRD"))
    assert with_seconds is not None
    assert with_seconds.occurred_at == datetime(2026, 11, 26, 6, 35, 9, tzinfo=UTC)
    assert without is not None
    assert without.occurred_at is None


def test_what_names_no_message_is_none_and_what_a_person_wrote_is_no_receipt() -> None:
    assert read_receipt(WIRE, delivery(b"hello")) is None
    assert not is_receipt(delivery(b"STOP", esm_class=0))
    assert is_receipt(delivery(TEXT))
    assert is_receipt(delivery(TEXT, esm_class=0x20))
    assert is_receipt(delivery(b"", {0x001E: b"m2\x00"}, esm_class=0))


@pytest.mark.parametrize(
    ("quirk", "answer", "receipt"),
    [
        ("same", "0A", "0A"),
        ("zeros", "00000042", "42"),
        ("zeros", "42", "0042"),
        ("hex_then_decimal", "0000002A", "42"),
        ("hex_then_decimal", "2a", "0000000042"),
        ("decimal_then_hex", "42", "2A"),
        ("decimal_then_hex", "0042", "0000002a"),
        ("hex_then_decimal", "m-7", "m-7"),
    ],
)
def test_both_readings_of_an_id_meet(quirk: str, answer: str, receipt: str) -> None:
    wire = WireSettings("127.0.0.1", 2775, "shop", "secret", receipt_ids=quirk)
    assert id_of_answer(wire, answer) == id_of_receipt(wire, receipt)


def test_a_delivery_is_read_whatever_its_coding_and_tlvs() -> None:
    fixed = b"\x00\x01\x01919800000001\x00\x05\x00PARCEL\x00\x04\x00\x00\x00\x00\x00\x00\xf7\x00\x03"
    body = fixed + b"abc" + b"\x04\x23\x00\x03\x03\xff\xfe" + b"\x14\xff\x00\x02\xff\xff" + b"\x00\x1e\x00\x09m"
    read = read_delivery(body)
    assert (read.source, read.destination, read.data_coding, read.text) == ("919800000001", "PARCEL", 0xF7, b"abc")
    assert read.tlvs == {0x0423: b"\x03\xff\xfe", 0x14FF: b"\xff\xff"}  # the last one is cut off
    with pytest.raises(ValueError):
        read_delivery(fixed[:20])
