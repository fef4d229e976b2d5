"""The bytes we build, read by the standard library, are what its own EmailMessage would have said."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.worker.rendering import strategies
from tests.worker.rendering.strategies import rendered
from worker.rendering.content import Attachment, RenderedEmail
from worker.rendering.errors import RenderError
from worker.rendering.mime import MimeBuilder

NOW = datetime(2026, 11, 24, 12, 30, 5, tzinfo=UTC)


def builder(*attachments: Attachment, address: str = "desk@carillon.example", name: str = "Carillon") -> MimeBuilder:
    return MimeBuilder(attachments=attachments, from_address=address, default_from_name=name)


def build(email: RenderedEmail, *, make: MimeBuilder | None = None, **options: object) -> bytes:
    arguments: dict[str, object] = {"to": "anna@x.example", "message_id": "<1.a@carillon.example>", "date": NOW}
    return (make or builder()).build(email, **{**arguments, **options})  # type: ignore[arg-type]


def parse(raw: bytes) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def content_of(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    assert not part.defects
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def reference(email: RenderedEmail) -> EmailMessage:
    """The same email by the standard library, through its own bytes."""
    message = EmailMessage(policy=policy.SMTP)
    message["Subject"] = email.subject
    message.set_content(email.text)
    if email.html:
        message.add_alternative(email.html, subtype="html")
    return parse(message.as_bytes())


def assert_wire_format(raw: bytes) -> None:
    assert raw.endswith(b"\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\x00" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@given(subject=strategies.subject)
def test_subject_reads_back(subject: str) -> None:
    raw = build(rendered(subject=subject, text="x"))
    assert_wire_format(raw)
    wanted = subject.strip()
    assert parse(raw)["Subject"] == wanted
    by_reference = reference(rendered(subject=wanted, text="x"))["Subject"]
    if by_reference == wanted:  # it loses spaces between long encoded words; where it does not, both agree
        assert parse(raw)["Subject"] == by_reference


@given(words=st.lists(strategies.word, min_size=1, max_size=40))
def test_header_lines_are_folded_at_78(words: list[str]) -> None:
    raw = build(rendered(subject=" ".join(words), text="x", from_name=" ".join(words)[:200]))
    head = raw.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 78


@given(name=strategies.line)
def test_sender_name_reads_back(name: str) -> None:
    raw = build(rendered(from_name=name, text="x"))
    (sender,) = parse(raw)["From"].addresses
    assert sender.addr_spec == "desk@carillon.example"
    # The newer parser changes spaces within display names, in the library's own messages too: the older one decides.
    encoded, _ = parseaddr(message_from_bytes(raw)["From"])
    assert str(make_header(decode_header(encoded))) == (name.strip() or "Carillon")


@given(text=strategies.body, html=strategies.body, eight_bit=st.booleans())
def test_bodies_read_back_like_the_reference(text: str, html: str, eight_bit: bool) -> None:
    assume(text and html)
    email = rendered(subject="s", text=text, html=html)
    raw = build(email, eight_bit=eight_bit)
    assert_wire_format(raw)
    message, wanted = parse(raw), reference(email)
    for kind in ("plain", "html"):
        assert content_of(message, kind) == content_of(wanted, kind)
    if not eight_bit:
        assert raw.isascii()


@given(text=st.text(max_size=300), eight_bit=st.booleans())
def test_any_text_is_carried_whatever_it_holds(text: str, eight_bit: bool) -> None:
    raw = build(rendered(text=text), eight_bit=eight_bit)
    assert_wire_format(raw)
    wanted = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    assert content_of(parse(raw), "plain") == wanted.rstrip("\n")


@given(value=strategies.line)
def test_custom_header_reads_back(value: str) -> None:
    message = parse(build(rendered(text="x", headers=(("X-Note", value),))))
    assert message["X-Note"] == value.strip()


@given(filename=strategies.line, data=st.binary(max_size=300))
def test_attachment_reads_back(filename: str, data: bytes) -> None:
    make = builder(Attachment(filename, "application/pdf", data))
    raw = build(rendered(text="täxt", html="<p>x</p>"), make=make)
    assert_wire_format(raw)
    message = parse(raw)
    (attached,) = message.iter_attachments()
    assert attached.get_content() == data
    assert attached.get_content_type() == "application/pdf"
    own = EmailMessage(policy=policy.SMTP)
    own.add_attachment(data, "application", "pdf", filename=filename)
    (by_reference,) = parse(own.as_bytes()).iter_attachments()
    assert attached.get_filename() == by_reference.get_filename()
    assert content_of(message, "plain") == "täxt"


@pytest.mark.parametrize(
    ("content_type", "carried_as"),
    [
        ("text/csv", "text/csv"),
        ("image/svg+xml", "image/svg+xml"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ('text/plain; name="x', "application/octet-stream"),
    ],
)
def test_attachment_types(content_type: str, carried_as: str) -> None:
    message = parse(build(rendered(text="x"), make=builder(Attachment("a", content_type, b"\x00\r\n.\r\nend"))))
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == carried_as
    assert attached.get_payload(decode=True) == b"\x00\r\n.\r\nend"


@pytest.mark.parametrize(
    ("text", "html", "structure"),
    [
        ("t", "<p>h</p>", ["multipart/alternative", "text/plain", "text/html"]),
        ("t", "", ["text/plain"]),
        ("", "<p>h</p>", ["text/html"]),
        ("", "", ["text/plain"]),
    ],
)
def test_structure(text: str, html: str, structure: list[str]) -> None:
    email = rendered(text=text, html=html)
    assert [part.get_content_type() for part in parse(build(email)).walk()] == structure
    make = builder(Attachment("a.txt", "text/plain", b"1"), Attachment("b.txt", "text/plain", b"2"))
    attached = [part.get_content_type() for part in parse(build(email, make=make)).walk()]
    assert attached == ["multipart/mixed", *structure, "text/plain", "text/plain"]


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("plain", False, "7bit"),
        ("plain", True, "7bit"),
        ("grün", False, "quoted-printable"),
        ("grün", True, "8bit"),
        ("x" * 998, False, "7bit"),
        ("x" * 999, False, "quoted-printable"),
        ("x" * 999, True, "quoted-printable"),
        ("ü" * 499, True, "8bit"),
        ("ü" * 500, True, "quoted-printable"),
        ("a\n" * 5000, False, "7bit"),
        ("a\n" * 5000 + "x" * 999, False, "quoted-printable"),
    ],
)
def test_body_travels_as_plainly_as_the_server_allows(text: str, eight_bit: bool, encoding: str) -> None:
    message = parse(build(rendered(text=text), eight_bit=eight_bit))
    assert message["Content-Transfer-Encoding"] == encoding
    assert content_of(message, "plain") == text.rstrip("\n")


def test_a_body_that_quotes_the_boundary_cannot_end_its_part() -> None:
    first = build(rendered(text="a", html="<p>b</p>"))
    boundary = parse(first).get_boundary()
    text = f"a\n--{boundary}--\nb\n--{boundary}\nContent-Type: text/html\n\nc"
    message = parse(build(rendered(text=text, html="<p>b</p>"), eight_bit=True))
    assert content_of(message, "plain") == text
    assert content_of(message, "html") == "<p>b</p>"


def test_fields_of_a_whole_message() -> None:
    email = rendered(
        subject="Grüße",
        text="x",
        from_name='Bell, "Anna"',
        reply_to='"Support, first" <help@x.example>, desk@müller.example',
        cc=("c@x.example", "d@x.example"),
        bcc=("secret@x.example",),
        headers=(("X-Campaign", "Spring"),),
    )
    unsubscribe = "<https://desk.example/u/" + "a" * 90 + ">, <mailto:u@desk.example>"
    raw = build(email, extra_headers=(("List-Unsubscribe", unsubscribe), ("List-Unsubscribe-Post", "x=One-Click")))
    message = parse(raw)
    assert b"secret" not in raw
    assert message["From"].addresses[0].display_name == 'Bell, "Anna"'
    assert [str(address) for address in message["Cc"].addresses] == ["c@x.example", "d@x.example"]
    assert [(a.display_name, a.addr_spec) for a in message["Reply-To"].addresses] == [
        ("Support, first", "help@x.example"),
        ("", "desk@xn--mller-kva.example"),
    ]
    assert message["To"] == "anna@x.example"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<1.a@carillon.example>"
    assert message["X-Campaign"] == "Spring"
    assert message["List-Unsubscribe"] == unsubscribe
    assert message["MIME-Version"] == "1.0"
    assert len(message.keys()) == len(set(message.keys()))


def test_the_same_message_has_the_same_bytes() -> None:
    email = rendered(text="a", html="<p>b</p>", subject="s")
    assert build(email, make=builder()) == build(email, make=builder())


def test_internationalized_addresses() -> None:
    raw = build(rendered(text="x"), to="anna@bücher.example")
    assert b"To: anna@xn--bcher-kva.example\r\n" in raw
    raw = build(rendered(text="x"), to="ännä@bücher.example")
    assert "To: ännä@xn--bcher-kva.example\r\n".encode() in raw


def test_dates_keep_their_zone() -> None:
    date = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert b"Date: Sun, 29 Mar 2026 01:59:59 +0530\r\n" in build(rendered(text="x"), date=date)


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@x.example", "a\nb", "a\rb", "a\x00b", "a\x0bb", "a\x7fb"])
@pytest.mark.parametrize("field", ["subject", "from_name", "headers", "extra", "name", "message_id", "filename"])
def test_no_value_opens_a_second_header(field: str, bad: str) -> None:
    email = rendered(
        text="x",
        subject=bad if field == "subject" else "s",
        from_name=bad if field == "from_name" else "n",
        headers=(("X-A", bad),) if field == "headers" else (),
    )
    extra = {"extra": (("X-A", bad),), "name": ((bad, "value"),)}.get(field, ())
    attachments = [Attachment(bad, "text/plain", b"")] if field == "filename" else []
    message_id = bad if field == "message_id" else "<a@b>"
    with pytest.raises(RenderError) as caught:
        build(email, make=builder(*attachments), extra_headers=extra, message_id=message_id)
    assert caught.value.code == "header_injection"


@pytest.mark.parametrize(
    "to", ["", "anna", "a@x.example\r\nBcc: b@x.example", "a@x.example, b@x.example", "<a@x.example"]
)
def test_a_bad_recipient_is_refused(to: str) -> None:
    with pytest.raises(RenderError) as caught:
        build(rendered(text="x"), to=to)
    assert (caught.value.code, caught.value.part) == ("bad_address", "to")


@pytest.mark.parametrize("value", ["<https://x.example/" + "a" * 1000 + ">", "<https://x.example/ä>"])
def test_a_machine_read_header_is_never_encoded(value: str) -> None:
    with pytest.raises(RenderError, match="List-Unsubscribe"):
        build(rendered(text="x"), extra_headers=(("List-Unsubscribe", value),))


def test_names_per_recipient_do_not_fill_the_memory() -> None:
    make = builder()
    for number in range(1_200):
        build(rendered(text="x", from_name=f"Name {number}"), make=make)
    tracemalloc.start()
    for number in range(1_200, 3_000):
        build(rendered(text="x", from_name=f"Name {number}"), make=make)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 100_000
