"""Mails as they come back from servers of several kinds, worded by us."""

from __future__ import annotations

TOKEN = "bounces+token@example.com"


def message_of(addresses: str) -> int | None:
    """As if the token named the message 7."""
    return 7 if TOKEN in addresses.lower() else None


def report(
    fields: str,
    *,
    to: str = TOKEN,
    returned: str = "From: desk@example.com\nTo: ada@example.com\nMessage-ID: <x@example.com>\n",
    kind: str = "message/delivery-status",
    headers: str = "",
) -> bytes:
    """A multipart/report with one machine-readable part."""
    return (
        (
            f"From: MAILER-DAEMON@mx.example.test\nTo: {to}\nSubject: Undelivered\nMessage-ID: <r1@mx.example.test>\n"
            f"Date: Wed, 25 Nov 2026 10:00:00 +0100\nAuto-Submitted: auto-replied\n{headers}MIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n\n'
            "--=_b\nContent-Type: text/plain\n\nYour mail did not arrive.\n\n"
            f"--=_b\nContent-Type: {kind}\n\n{fields}\n"
            f"--=_b\nContent-Type: text/rfc822-headers\n\n{returned}\n--=_b--\n"
        )
        .replace("\n", "\r\n")
        .encode()
    )


#: As Postfix writes them: fields of its own, a diagnosis over several lines, the original recipient.
POSTFIX = """Reporting-MTA: dns; relay.example.test
X-Postfix-Queue-ID: 4BXyz
X-Postfix-Sender: rfc822; desk@example.com
Arrival-Date: Wed, 25 Nov 2026 09:59:58 +0100 (CET)

Final-Recipient: rfc822; ada@example.com
Original-Recipient: rfc822;ada@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <ada@example.com>: no mailbox
    of this name here
"""

#: As Exchange does: an X-Display-Name, the recipient in capitals, no original recipient.
EXCHANGE = """Reporting-MTA: dns;EX01.example.test
Received-From-MTA: dns;relay.example.test
Arrival-Date: Wed, 25 Nov 2026 09:59:58 +0000

Final-Recipient: rfc822;ADA@EXAMPLE.COM
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; nobody of that name in the directory
X-Display-Name: Ada
"""

#: As Gmail does: no reply code of three digits in the Status, last attempt given.
GMAIL = """Reporting-MTA: dns; google.example.test
Arrival-Date: Wed, 25 Nov 2026 00:59:58 -0800 (PST)
X-Original-Message-ID: <x@example.com>

Final-Recipient: rfc822; ada@example.com
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552-5.2.2 This inbox has no room left.
Last-Attempt-Date: Wed, 25 Nov 2026 01:00:01 -0800 (PST)
"""

ABUSE = """Feedback-Type: abuse
User-Agent: Reporter/1
Version: 1
Original-Mail-From: <bounces+token@example.com>
Original-Rcpt-To: <ada@example.com>
Arrival-Date: Wed, 25 Nov 2026 09:59:58 +0000
"""


def plain(body: str, *, sender: str = "MAILER-DAEMON@mx.example.test", to: str = TOKEN, headers: str = "") -> bytes:
    """A mail of a server that writes no reports, or of a person."""
    return (
        (f"From: {sender}\nTo: {to}\nSubject: failure notice\nMessage-ID: <p1@mx.example.test>\n{headers}\n{body}\n")
        .replace("\n", "\r\n")
        .encode()
    )
