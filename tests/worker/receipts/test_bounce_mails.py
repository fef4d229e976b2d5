from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.ids import public_id
from tests.worker.receipts.mails import ABUSE, EXCHANGE, GMAIL, POSTFIX, message_of, plain, report
from worker.providers.mailbox.settings import MOST_BYTES
from worker.providers.receipts import Receipt, ReceiptKind
from worker.receipts.bounce_mails import MailKind, read_bounce_mail

ELSEWHERE = "desk@example.com"


def only(raw: bytes) -> Receipt:
    mail = read_bounce_mail(raw, message_of)
    assert mail.kind is MailKind.REPORT
    (receipt,) = mail.receipts
    return receipt


def block(action: str, status: str, diagnosis: str = "") -> str:
    told = f"Diagnostic-Code: smtp; {diagnosis}\n" if diagnosis else ""
    return (
        f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; ada@example.com\nAction: {action}\nStatus: {status}\n{told}"
    )


def test_a_report_of_postfix() -> None:
    assert only(report(POSTFIX)) == Receipt(
        kind=ReceiptKind.BOUNCED,
        event_id="<r1@mx.example.test>|ada@example.com",
        reference=7,
        recipient="ada@example.com",
        code="550 5.1.1",
        detail="550 5.1.1 <ada@example.com>: no mailbox of this name here",
        occurred_at=datetime(2026, 11, 25, 9, 0, tzinfo=UTC),
    )


def test_a_report_of_exchange() -> None:
    receipt = only(report(EXCHANGE))

    assert (receipt.kind, receipt.code, receipt.recipient) == (ReceiptKind.BOUNCED, "550 5.1.10", "ADA@EXAMPLE.COM")
    assert receipt.detail.endswith("RecipientNotFound; nobody of that name in the directory")


def test_a_report_of_gmail_about_a_full_mailbox_does_not_blame_the_address() -> None:
    receipt = only(report(GMAIL))

    assert (receipt.kind, receipt.code) == (ReceiptKind.FAILED, "552 5.2.2")
    assert receipt.occurred_at == datetime(2026, 11, 25, 9, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", ReceiptKind.BOUNCED),
        ("failed", "5.0.0", ReceiptKind.BOUNCED),
        ("failed", "5.7.1", ReceiptKind.FAILED),
        ("failed", "4.4.7", ReceiptKind.EXPIRED),
        ("failed", "5.4.7", ReceiptKind.EXPIRED),
        ("failed", "4.4.1", ReceiptKind.EXPIRED),
        ("failed", "", ReceiptKind.BOUNCED),
        ("delayed", "4.4.1", ReceiptKind.DEFERRED),
        ("delivered", "2.0.0", ReceiptKind.DELIVERED),
        ("relayed", "2.0.0", ReceiptKind.ACCEPTED),
        ("expanded", "2.0.0", ReceiptKind.ACCEPTED),
        ("FAILED", "5.1.1 (no such mailbox)", ReceiptKind.BOUNCED),
        ("vanished", "4.2.0", ReceiptKind.DEFERRED),
        ("vanished", "", ReceiptKind.UNKNOWN),
    ],
)
def test_actions_and_statuses(action: str, status: str, kind: ReceiptKind) -> None:
    assert only(report(block(action, status))).kind is kind


def test_a_status_may_stand_in_the_diagnosis_alone() -> None:
    receipt = only(report(block("failed", "", "550-5.7.26 unsigned")))
    assert (receipt.kind, receipt.code) == (ReceiptKind.FAILED, "550 5.7.26")


def test_each_recipient_has_a_receipt_of_its_own() -> None:
    second = POSTFIX.partition("\n\n")[2].replace("ada@", "bob@").replace("5.1.1", "5.1.2")

    mail = read_bounce_mail(report(f"{POSTFIX}\n{second}"), message_of)

    assert [(each.recipient, each.code) for each in mail.receipts] == [
        ("ada@example.com", "550 5.1.1"),
        ("bob@example.com", "550 5.1.2"),
    ]
    assert len({each.event_id for each in mail.receipts}) == 2


def test_the_international_report_is_read_too() -> None:
    receipt = only(report(POSTFIX, kind="message/global-delivery-status"))
    assert (receipt.kind, receipt.recipient) == (ReceiptKind.BOUNCED, "ada@example.com")


def test_a_bounced_copy_is_not_the_recipients() -> None:
    returned = "To: eve@example.com\nCc: Boss <ADA@example.com>\n"

    assert read_bounce_mail(report(POSTFIX, returned=returned), message_of).kind is MailKind.COPY_REPORT


def test_the_message_id_of_the_mail_that_came_back_leads_to_the_message() -> None:
    returned = f"To: ada@example.com\nMessage-ID: <{public_id('msg', 99)}@example.com>\n"

    assert only(report(POSTFIX, to=ELSEWHERE, returned=returned)).reference == 99


def test_the_mail_that_came_back_whole_counts_as_well() -> None:
    inner = f"To: ada@example.com\nMessage-ID: <{public_id('msg', 98)}@example.com>\n\nHello"
    raw = report(POSTFIX, to=ELSEWHERE, returned=inner).replace(b"text/rfc822-headers", b"message/rfc822")

    assert only(raw).reference == 98


def test_the_recipient_is_all_that_is_left() -> None:
    receipt = only(report(POSTFIX, to=ELSEWHERE))
    assert (receipt.reference, receipt.recipient) == (None, "ada@example.com")


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "Envelope-To"])
def test_the_token_may_stand_where_a_server_noted_the_envelope(name: str) -> None:
    raw = report(POSTFIX, to=ELSEWHERE, headers=f"{name}: Bounces+Token@Example.com\n")
    assert only(raw).reference == 7


@pytest.mark.parametrize(
    ("feedback", "kind"),
    [
        ("abuse", ReceiptKind.COMPLAINED),
        ("opt-out", ReceiptKind.UNSUBSCRIBED),
        ("not-spam", ReceiptKind.UNKNOWN),
        ("auth-failure", ReceiptKind.UNKNOWN),
    ],
)
def test_complaints(feedback: str, kind: ReceiptKind) -> None:
    fields = ABUSE.replace("abuse", feedback)
    receipt = only(report(fields, to="fbl@example.com", kind="message/feedback-report"))

    assert (receipt.kind, receipt.code, receipt.reference) == (kind, feedback, 7)
    assert receipt.recipient == "ada@example.com"


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        ("Sorry.\n<ada@example.com>: 550 5.1.1 unknown user", ReceiptKind.BOUNCED, "550 5.1.1"),
        ("Sorry, 550 no such user", ReceiptKind.BOUNCED, "550"),
        ("It waits: 4.2.0 busy", ReceiptKind.DEFERRED, "4.2.0"),
        ("Something happened.", ReceiptKind.UNKNOWN, "no_status"),
        ("Server 10.5.1.1 and version 5.1.1.2 are no statuses", ReceiptKind.UNKNOWN, "no_status"),
    ],
)
def test_plain_bounces_with_our_token(body: str, kind: ReceiptKind, code: str) -> None:
    receipt = only(plain(body))
    assert (receipt.kind, receipt.code, receipt.reference) == (kind, code, 7)


def test_a_server_that_marks_its_bounce_as_automatic_is_believed() -> None:
    raw = plain(
        "550 5.1.1 nobody", sender="x@example.test", headers="Auto-Submitted: auto-replied\nX-Failed-Recipients: a\n"
    )
    assert only(raw).kind is ReceiptKind.BOUNCED


def test_people_away_and_strangers_change_nothing() -> None:
    away = plain("I am away, call 550 5.1.1", sender="ada@example.com", headers="Auto-Submitted: auto-replied\n")
    stranger = plain("550 5.1.1 nobody", to=ELSEWHERE)

    assert read_bounce_mail(away, message_of).kind is MailKind.AUTO_REPLY
    assert read_bounce_mail(stranger, message_of).kind is MailKind.OTHER


def test_huge_and_nested_mails_are_bounded() -> None:
    huge = report(POSTFIX) + b"x" * 3 * MOST_BYTES
    deep = b"Content-Type: message/rfc822\r\n\r\n" * 8000
    many = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000))

    assert only(huge).kind is ReceiptKind.BOUNCED
    for raw in (deep, many):
        assert read_bounce_mail(raw, message_of).kind is MailKind.OTHER


_ODD_LINES = (
    b"",
    b"\x00\xff",
    b"--=_b--",
    b"Content-Transfer-Encoding: base64",
    b"Date: Mon, 99 Foo 20000000000 99:99",
    b"To: =?x?q?=ff?= <\xe9@",
    b"Status: \xff",
    b"Content-Type: message/global-delivery-status",
    b"Content-Type: text/plain; charset=nonsense",
)
_lines = st.sampled_from(
    [*POSTFIX.encode().splitlines(), *ABUSE.encode().splitlines(), *report(GMAIL).splitlines(), *_ODD_LINES]
)


@given(st.binary(max_size=400) | st.lists(_lines | st.binary(max_size=30), max_size=60).map(b"\r\n".join))
def test_nothing_that_comes_in_raises(raw: bytes) -> None:
    for receipt in read_bounce_mail(raw, message_of).receipts:
        text = receipt.event_id + receipt.recipient + receipt.code + receipt.detail
        assert "\x00" not in text.encode().decode()
        assert receipt.occurred_at is None or receipt.occurred_at.tzinfo is UTC
