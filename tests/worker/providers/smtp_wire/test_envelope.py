import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.worker.providers.messages import make_message
from worker.providers.smtp_wire.dialogue import Capabilities
from worker.providers.smtp_wire.envelope import Unsendable, dot_stuff, encode_address, with_crlf, wrap


def unstuff(wire: bytes) -> bytes:
    """What a server makes of the bytes after 354: RFC 5321 4.5.2, line by line."""
    content = bytearray()
    while wire:
        line, _, wire = wire.partition(b"\r\n")
        if line == b".":
            assert wire == b"", "something follows the final dot"
            return bytes(content)
        content += line.removeprefix(b".") + b"\r\n"
    raise AssertionError("the final dot is missing")


dotty = st.lists(st.sampled_from([b".", b"..", b"\r\n", b"\n", b"\r", b"a", b"", b" ."]), max_size=40).map(b"".join)


@given(st.one_of(dotty, st.binary(max_size=200)))
@example(b".")
@example(b"\r\n.\r\n")
@example(b"\n.\n")
@example(b"a\r\n.")
@example(b"")
def test_a_server_reads_back_what_was_stuffed(message: bytes) -> None:
    lines = with_crlf(message)
    expected = lines if not lines or lines.endswith(b"\r\n") else lines + b"\r\n"
    assert unstuff(dot_stuff(lines)) == expected


@given(st.one_of(dotty, st.binary(max_size=200)))
def test_no_bare_line_break_is_left(message: bytes) -> None:
    lines = with_crlf(message)
    assert b"\r" not in lines.replace(b"\r\n", b"")
    assert b"\n" not in lines.replace(b"\r\n", b"")
    assert with_crlf(lines) == lines


def test_a_smuggled_end_of_content_stays_content() -> None:
    attack = b"Hello\n.\r\nMAIL FROM:<evil@example.com>\r\n"
    _, content = wrap(make_message(body=attack), Capabilities())
    assert b"\r\n..\r\nMAIL" in content
    assert content.count(b"\r\n.\r\n") == 1
    assert content.endswith(b"\r\n.\r\n")


@pytest.mark.parametrize(
    ("address", "encoded"),
    [
        ("anna@example.com", b"anna@example.com"),
        ("o'neil+news=a/b@sub.example.com", b"o'neil+news=a/b@sub.example.com"),
        ("anna@bücher.example", b"anna@xn--bcher-kva.example"),
        ("anna@BÜCHER.example", b"anna@xn--bcher-kva.example"),
        ("jürgen@bücher.example", "jürgen@bücher.example".encode()),
    ],
)
def test_addresses_as_they_stand_in_commands(address: str, encoded: bytes) -> None:
    assert encode_address(address) == encoded


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.com>\r\nRCPT TO:<evil@example.com",
        "anna@example.com> SIZE=1",
        "an na@example.com",
        "anna\x00@example.com",
        "anna",
        "@example.com",
        "anna@",
        "",
        "anna@bü\u2028cher.example",
        "jürgen\n@example.com",
    ],
)
def test_an_address_that_could_end_the_command_is_refused(address: str) -> None:
    with pytest.raises(Unsendable) as refused:
        encode_address(address)
    assert refused.value.code == "bad_address"


def test_commands_use_only_what_the_server_announced() -> None:
    message = make_message(to="anna@example.com", copies=("boss@example.com",))
    plain, _ = wrap(message, Capabilities())
    assert plain.mail == b"MAIL FROM:<sender@example.org>\r\n"
    assert plain.recipients == (b"RCPT TO:<anna@example.com>\r\n", b"RCPT TO:<boss@example.com>\r\n")
    rich, _ = wrap(message, Capabilities(size=True, eight_bit=True, smtputf8=True))
    assert rich.mail == b"MAIL FROM:<sender@example.org> SIZE=29 BODY=8BITMIME\r\n"


@pytest.mark.parametrize("eight_bit", [True, False])
def test_the_body_is_asked_for_in_the_width_the_server_takes(eight_bit: bool) -> None:
    asked = []

    def mime(may_be_eight_bit: bool) -> bytes:
        asked.append(may_be_eight_bit)
        return b"Subject: x\r\n\r\n"

    wrap(make_message(mime=mime), Capabilities(eight_bit=eight_bit))
    assert asked == [eight_bit]


def test_an_empty_sender_is_the_null_path() -> None:
    assert wrap(make_message(sender=""), Capabilities())[0].mail == b"MAIL FROM:<>\r\n"


def test_the_to_address_comes_first_and_nobody_twice() -> None:
    message = make_message(to="anna@example.com", copies=("boss@example.com", "anna@example.com"))
    assert wrap(message, Capabilities())[0].addresses == ("anna@example.com", "boss@example.com")


def test_non_ascii_before_the_at_needs_smtputf8() -> None:
    message = make_message(to="jürgen@example.com")
    with pytest.raises(Unsendable) as refused:
        wrap(message, Capabilities(eight_bit=True))
    assert refused.value.code == "smtputf8_required"
    envelope, _ = wrap(message, Capabilities(eight_bit=True, smtputf8=True))
    assert envelope.mail.endswith(b" BODY=8BITMIME SMTPUTF8\r\n")
    assert envelope.recipients == ("RCPT TO:<jürgen@example.com>\r\n".encode(),)


def test_a_non_ascii_domain_needs_nothing() -> None:
    envelope, _ = wrap(make_message(to="anna@bücher.example"), Capabilities())
    assert envelope.recipients == (b"RCPT TO:<anna@xn--bcher-kva.example>\r\n",)


def test_a_message_over_the_limit_is_not_offered() -> None:
    message = make_message(body=b"x" * 101)
    with pytest.raises(Unsendable) as refused:
        wrap(message, Capabilities(size=True, size_limit=100))
    assert refused.value.code == "message_too_large"
    assert "101" in refused.value.detail
    assert "100" in refused.value.detail
    # A server that announces SIZE without a number, or 0, has no limit to state.
    assert b"SIZE=101" in wrap(message, Capabilities(size=True))[0].mail
