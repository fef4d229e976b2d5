"""DKIM: signatures that dkimpy (RSA) and a reading of RFC 8463 (Ed25519) accept, and that break when they should."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from tests.worker.rendering import strategies
from tests.worker.rendering.strategies import rendered
from worker.providers.smtp_wire.envelope import dot_stuff
from worker.rendering.content import Attachment, RenderedEmail
from worker.rendering.dkim import (
    BadKey,
    DkimAlgorithm,
    DkimSigner,
    _relaxed_body,
    dns_record,
    generate_key,
    read_key,
    sign,
)
from worker.rendering.mime import MimeBuilder

RSA, ED25519 = generate_key(DkimAlgorithm.RSA), generate_key(DkimAlgorithm.ED25519)
SIGNERS = {
    DkimAlgorithm.RSA: DkimSigner("example.com", "spring", RSA),
    DkimAlgorithm.ED25519: DkimSigner("example.com", "curve", ED25519),
}
RECORDS = {
    b"spring._domainkey.example.com.": dns_record(read_key(RSA)).encode(),
    b"curve._domainkey.example.com.": dns_record(read_key(ED25519)).encode(),
}
DATE = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
UNSUBSCRIBE = (
    (
        "List-Unsubscribe",
        "<http://desk.example/u/abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456>",
    ),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
)
EMAIL = rendered(subject="Grüße, Ada", html="<p>Hällo  <b>Ada</b></p> \n\n<p>.</p>", text="Hello\tAda \n\n\n")


def look_up(name: bytes, timeout: int = 5) -> bytes | None:
    return RECORDS.get(name)


def built(
    email: RenderedEmail = EMAIL,
    signers: Sequence[DkimSigner] = tuple(SIGNERS.values()),
    *,
    attachments: Sequence[Attachment] = (),
    eight_bit: bool = False,
) -> bytes:
    builder = MimeBuilder(
        attachments=attachments, from_address="shop@example.com", default_from_name="The shop", signers=signers
    )
    return builder.build(
        email, to="ada@example.com", message_id="<msg_1@example.com>", date=DATE, extra_headers=UNSUBSCRIBE,
        eight_bit=eight_bit,
    )  # fmt: skip


def signature_fields(message: bytes) -> list[bytes]:
    return re.findall(rb"^DKIM-Signature:.*\r\n(?:[ \t].*\r\n)*", message, re.M)


def tags(field: bytes) -> dict[str, str]:
    value = re.sub(rb"\s+", b"", field.partition(b":")[2]).decode()
    return dict(part.split("=", 1) for part in value.split(";") if part)


def ed25519_accepts(message: bytes) -> bool:
    """RFC 8463 by the letter, with dkimpy's canonicalisation: the SHA-256 of the fields, under PureEdDSA."""
    field = next(one for one in signature_fields(message) if b"a=ed25519-sha256" in one)
    found = tags(field)
    key = base64.b64decode(RECORDS[f"{found['s']}._domainkey.{found['d']}.".encode()].partition(b"p=")[2])
    head, _, body = message.partition(b"\r\n\r\n")
    body_hash = base64.b64encode(hashlib.sha256(Relaxed.canonicalize_body(body)).digest()).decode()
    instances: dict[bytes, list[bytes]] = {}
    for name, value in Relaxed.canonicalize_headers(
        [part.split(b":", 1) for part in re.split(rb"\r\n(?![ \t])", head)]
    ):
        instances.setdefault(name.lower(), []).append(value)
    signed = b""
    for name in found["h"].encode().split(b":"):
        if instances.get(name):
            signed += name + b":" + instances[name].pop()
    bare = re.sub(rb"(; ?b=)[^;]*$", rb"\1", re.sub(rb"\r\n[ \t]", b" ", field).rstrip())
    ((name, value),) = Relaxed.canonicalize_headers([bare.split(b":", 1)])
    signed += name + b":" + value.rstrip(b"\r\n")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(found["b"]), hashlib.sha256(signed).digest())
    except InvalidSignature:
        return False
    return body_hash == found["bh"]


def rsa_accepts(message: bytes) -> bool:
    rsa_only = message
    for field in signature_fields(message):
        if b"a=rsa-sha256" not in field:
            rsa_only = rsa_only.replace(field, b"")
    return bool(dkim.verify(rsa_only, dnsfunc=look_up))


@pytest.mark.parametrize("eight_bit", [True, False])
@pytest.mark.parametrize(
    "email",
    [
        EMAIL,
        rendered(subject="", html="<p>x</p>", text=""),
        rendered(subject="long " * 60, html="", text="a" * 1200),
        rendered(subject="x", html="", text=" \n\n"),
        rendered(subject="x", html="", text=""),
        rendered(
            subject="x", html="", text="y", cc=("bea@example.com",), reply_to="help@example.com",
            headers=(("List-Id", "<news.example.com>"), ("X-Own", "a  b")),
        ),
    ],
)  # fmt: skip
def test_both_signatures_hold(email: RenderedEmail, eight_bit: bool) -> None:
    message = built(email, eight_bit=eight_bit)
    assert len(signature_fields(message)) == 2
    assert message.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com;\r\n s=spring;")
    assert rsa_accepts(message)
    assert ed25519_accepts(message)


@given(subject=strategies.subject, text=strategies.body, html=strategies.body, eight_bit=st.booleans())
def test_any_message_verifies(subject: str, text: str, html: str, eight_bit: bool) -> None:
    message = built(rendered(subject=subject, text=text, html=html), eight_bit=eight_bit)
    assert rsa_accepts(message)
    assert ed25519_accepts(message)


@given(st.text(alphabet=" \tab\n", max_size=60))
def test_the_relaxed_body_is_that_of_dkimpy(text: str) -> None:
    body = text.replace("\n", "\r\n").encode() + b"\r\n"  # a message ends with a line end
    theirs = Relaxed.canonicalize_body(body)
    assert _relaxed_body(body) == (theirs if theirs.strip(b"\r\n") else b"")


def test_an_attachment_is_under_the_signature() -> None:
    message = built(attachments=[Attachment("a.pdf", "application/pdf", bytes(range(256)) * 20)])
    assert rsa_accepts(message)
    assert not rsa_accepts(message.replace(b"AAECAwQF", b"AAECAwQG"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"<b>Ada</b>", b"<b>Eve</b>"),
        (b"Subject: ", b"Subject: [list] "),
        (b"From: The shop", b"From: The bank"),
        (b"<http://desk.example/u/", b"<http://evil.example/u/"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"Date: ", b"From: eve@example.com\r\nDate: "),
        (b"Date: ", b"Subject: Another\r\nDate: "),
        (b"Date: ", b"Reply-To: eve@example.com\r\nDate: "),
    ],
)
def test_what_is_changed_or_added_breaks_it(before: bytes, after: bytes) -> None:
    message = built(eight_bit=True)
    assert before in message
    changed = message.replace(before, after, 1)
    assert not rsa_accepts(changed)
    assert not ed25519_accepts(changed)


def test_what_relays_do_breaks_nothing() -> None:
    message = built()
    relayed = b"Received: from a by b; Thu, 26 Nov 2026 12:00:00 +0000\r\n" + message
    relayed = relayed.replace(b"From: The shop <", b"from:  The shop\r\n\t<").rstrip(b"\r\n") + b"\r\n\r\n\r\n"
    assert rsa_accepts(relayed)
    assert ed25519_accepts(relayed)


def test_names_under_the_signature() -> None:
    found = tags(signature_fields(built())[0])
    names = found["h"].split(":")
    assert names.count("from") == names.count("subject") == 2
    assert {"list-unsubscribe", "list-unsubscribe-post", "message-id", "content-type", "mime-version"} <= set(names)
    assert found["t"] == str(int(DATE.timestamp()))


def test_lines_are_short_and_the_same_message_is_signed_alike() -> None:
    for field in signature_fields(built()):
        assert max(len(line) for line in field.split(b"\r\n")) <= 78
    assert built() == built()


def test_without_signers_nothing_changes() -> None:
    message = built(signers=())
    assert b"DKIM" not in message
    assert sign(message, [], 0) is message


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a private key"),
        ("nonsense", "not a private key"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "not with this kind"),
    ],
)
def test_other_keys_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadKey, match=words):
        read_key(text)


def test_the_record_is_what_receivers_read() -> None:
    assert RECORDS[b"spring._domainkey.example.com."].startswith(b"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")
    raw = base64.b64decode(RECORDS[b"curve._domainkey.example.com."].partition(b"p=")[2])
    assert len(raw) == 32


def test_the_signed_message_travels_unchanged_after_data() -> None:
    builder = MimeBuilder(
        attachments=(), from_address="shop@example.com", default_from_name="The shop", signers=tuple(SIGNERS.values())
    )
    email = rendered(subject="Offer", html="<p>One</p>\n.two\n", text=".")
    fixed = {"to": "anna@x.example", "message_id": "<1.a@example.com>", "date": DATE}

    assert builder.build_for_data(email, **fixed) == dot_stuff(builder.build(email, **fixed))  # type: ignore[arg-type]
