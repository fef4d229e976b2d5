import base64
import hmac

import pytest

from worker.providers.smtp_wire.dialogue import START_TLS, Capabilities, open_dialogue
from worker.providers.smtp_wire.problems import OpenFailed
from worker.providers.smtp_wire.replies import ReplyReader
from worker.providers.smtp_wire.settings import WireSettings

GREETING = "220 mail.example.com ESMTP"
EHLO = "EHLO desk.example.com\r\n"


def converse(settings: WireSettings, *replies: str) -> tuple[Capabilities, list[str]]:
    """Feed the dialogue the replies; its capabilities and what it sent."""
    dialogue = open_dialogue(settings, lambda: "desk.example.com", lambda step, words: None)
    assert next(dialogue) == b"", "the server speaks first"
    sent = []
    try:
        for text in replies:
            (reply,) = ReplyReader().feed(text.replace("\n", "\r\n").encode() + b"\r\n")
            step = dialogue.send(reply)
            sent.append("STARTTLS now" if step is START_TLS else step.decode())
    except StopIteration as finished:
        return finished.value, sent
    raise AssertionError(f"the dialogue waits for an answer to {sent[-1]!r}")


def failure(settings: WireSettings, *replies: str) -> OpenFailed:
    with pytest.raises(OpenFailed) as failed:
        converse(settings, *replies)
    return failed.value


PLAIN = WireSettings("mail.example.com")
STARTTLS = WireSettings("mail.example.com", security="starttls")


def signed_in(security: str = "tls") -> WireSettings:
    return WireSettings("mail.example.com", security=security, username="anna", password="sésame")


def test_capabilities_are_read_whatever_their_case_and_order() -> None:
    hello = (
        "250-mail.example.com\n250-size 35882577\n250-PipeLining\n250-AUTH PLAIN LOGIN\n250-AUTH=CRAM-MD5\n250 8BITMIME"
    )
    capabilities, sent = converse(PLAIN, GREETING, hello)
    assert sent == [EHLO]
    assert capabilities == Capabilities(
        extended=True,
        pipelining=True,
        eight_bit=True,
        size=True,
        size_limit=35882577,
        mechanisms=frozenset({"PLAIN", "LOGIN", "CRAM-MD5"}),
    )


def test_an_old_server_is_greeted_the_old_way() -> None:
    capabilities, sent = converse(PLAIN, GREETING, "502 5.5.1 EHLO?", "250 mail.example.com")
    assert sent == [EHLO, "HELO desk.example.com\r\n"]
    assert capabilities == Capabilities()


def test_a_multiline_greeting_and_a_broken_size_do_no_harm() -> None:
    capabilities, _ = converse(PLAIN, "220-mail.example.com\n220 no spam", "250-x\n250-SIZE lots\n250 ")
    assert capabilities.size
    assert capabilities.size_limit == 0


@pytest.mark.parametrize(
    ("reply", "at_fault", "busy"),
    [("421 4.3.2 too many connections", False, True), ("450 later", False, False), ("554 5.7.1 go away", True, False)],
)
def test_a_greeting_that_is_none(reply: str, at_fault: bool, busy: bool) -> None:
    failed = failure(PLAIN, reply)
    assert (failed.at_fault, failed.busy) == (at_fault, busy)
    assert reply[4:] in failed.detail


def test_starttls_forgets_what_was_announced_before() -> None:
    capabilities, sent = converse(
        STARTTLS, GREETING, "250-x\n250-PIPELINING\n250 STARTTLS", "220 go", "220 encrypted", "250-x\n250 8BITMIME"
    )
    assert sent == [EHLO, "STARTTLS\r\n", "STARTTLS now", EHLO]
    assert not capabilities.pipelining
    assert capabilities.eight_bit


def test_starttls_never_falls_back() -> None:
    failed = failure(STARTTLS, GREETING, "250-x\n250 PIPELINING")
    assert failed.code == "starttls_missing"
    assert failed.at_fault


def test_starttls_that_is_off_for_now_can_be_tried_again() -> None:
    assert not failure(STARTTLS, GREETING, "250-x\n250 STARTTLS", "454 4.7.0 TLS not available").at_fault


def test_plain_sends_both_secrets_at_once() -> None:
    _, sent = converse(signed_in(), GREETING, "250-x\n250 AUTH LOGIN PLAIN CRAM-MD5", "235 2.7.0 in")
    assert base64.b64decode(sent[1].removeprefix("AUTH PLAIN ")) == "\0anna\0sésame".encode()


def test_login_answers_two_questions() -> None:
    _, sent = converse(signed_in(), GREETING, "250-x\n250 AUTH LOGIN", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 in")
    assert sent[1] == "AUTH LOGIN\r\n"
    assert [base64.b64decode(answer) for answer in sent[2:]] == [b"anna", "sésame".encode()]


def test_without_encryption_the_password_is_not_shown_if_the_server_lets_us() -> None:
    challenge = b"<1896.697170952@mail.example.com>"
    _, sent = converse(
        signed_in("none"),
        GREETING,
        "250-x\n250 AUTH PLAIN LOGIN CRAM-MD5",
        f"334 {base64.b64encode(challenge).decode()}",
        "235 in",
    )
    digest = hmac.new("sésame".encode(), challenge, "md5").hexdigest()
    assert base64.b64decode(sent[2]) == f"anna {digest}".encode()


def test_a_mechanism_the_server_does_not_know_after_all_is_passed_over() -> None:
    _, sent = converse(
        signed_in(), GREETING, "250-x\n250 AUTH PLAIN LOGIN", "504 5.5.4 no PLAIN", "334 dQ==", "334 cA==", "235 in"
    )
    assert sent[2] == "AUTH LOGIN\r\n"


def test_a_wrong_password_is_tried_once() -> None:
    failed = failure(signed_in(), GREETING, "250-x\n250 AUTH PLAIN LOGIN", "535 5.7.8 wrong")
    assert failed.code == "authentication_failed"
    assert failed.at_fault
    assert "anna" in failed.detail
    assert "535 5.7.8 wrong" in failed.detail
    assert "sésame" not in failed.detail


def test_a_sign_in_that_cannot_be_checked_now_is_no_fault() -> None:
    failed = failure(signed_in(), GREETING, "250-x\n250 AUTH PLAIN", "454 4.7.0 directory away")
    assert not failed.at_fault


@pytest.mark.parametrize("hello", ["250 x", "250-x\n250 AUTH GSSAPI"])
def test_a_server_that_offers_no_sign_in_says_so(hello: str) -> None:
    failed = failure(signed_in(), GREETING, hello)
    assert failed.code == "authentication_unsupported"
    assert failed.at_fault


def test_an_unreadable_challenge_is_the_servers_trouble() -> None:
    failed = failure(signed_in("none"), GREETING, "250-x\n250 AUTH CRAM-MD5", "334 ???")
    assert not failed.at_fault
