"""Both protocols against servers on loopback."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.providers.mail_hosts import PASSWORD, USER, Post, mail_host
from tests.worker.providers.real_servers import make_certificate, server_context
from worker.providers.mailbox.opening import open_mailbox, try_out
from worker.providers.mailbox.problems import MailboxProblem
from worker.providers.mailbox.settings import MOST_BYTES, MailboxSettings

BOTH = pytest.mark.parametrize("protocol", ["imap", "pop3"])


def at(protocol: str, port: int) -> MailboxSettings:
    return MailboxSettings(protocol, "127.0.0.1", port, "none", True, USER, PASSWORD)


def mail(number: int) -> bytes:
    return b"Subject: %d\r\n\r\n.dot\r\n..\r\n%s\r\n" % (number, b"long" * 5000)


@BOTH
def test_what_was_taken_is_gone_and_the_rest_comes_next(protocol: str) -> None:
    post = Post(mail(1), mail(2), mail(3))
    with mail_host(protocol, post) as port:
        mailbox = open_mailbox(at(protocol, port))
        first = mailbox.fetch(2)
        mailbox.settle([key for key, _ in first], [])
        second = mailbox.fetch(2)
        mailbox.close()

    assert [raw for _, raw in first + second] == [mail(1), mail(2), mail(3)]
    assert list(post.mails) == [3]


@BOTH
def test_a_mail_is_read_as_far_as_is_worth_it(protocol: str) -> None:
    huge = b"Subject: huge\r\n\r\n" + b"x" * 3 * MOST_BYTES + b"\r\n" + b"y\r\n" * MOST_BYTES
    with mail_host(protocol, Post(huge, mail(2))) as port:
        mailbox = open_mailbox(at(protocol, port))
        (_, raw), (_, next_raw) = mailbox.fetch(2)
        mailbox.close()

    assert raw[:1000] == huge[:1000]
    assert len(raw) <= MOST_BYTES + 70_000
    assert next_raw == mail(2)


@BOTH
def test_nothing_is_removed_when_the_connection_is_lost(protocol: str) -> None:
    post = Post(mail(1), mail(2), cut_after=1)
    with mail_host(protocol, post) as port:
        mailbox = open_mailbox(at(protocol, port))
        with pytest.raises(MailboxProblem, match="tried again by itself"):
            mailbox.fetch(5)
        mailbox.close()

    assert list(post.mails) == [1, 2]
    assert not post.seen


@pytest.mark.parametrize("uidplus", [True, False])
def test_imap_leaves_what_is_not_ours_marked_as_read(uidplus: bool) -> None:
    post = Post(mail(1), mail(2), uidplus=uidplus)
    with mail_host("imap", post) as port:
        mailbox = open_mailbox(at("imap", port))
        mailbox.settle(["1"], ["2"])
        left = mailbox.fetch(5)
        mailbox.close()

    assert (list(post.mails), post.seen, left) == ([2], {1, 2}, [])


def test_imap_may_keep_everything_as_read() -> None:
    post = Post(mail(1), mail(2))
    with mail_host("imap", post) as port:
        mailbox = open_mailbox(replace(at("imap", port), delete=False))
        mailbox.settle(["1"], ["2"])
        mailbox.close()

    assert (list(post.mails), post.seen) == ([1, 2], {1, 2})


def test_a_folder_without_write_access_says_so() -> None:
    with mail_host("imap", Post(mail(1), read_only=True)) as port:
        mailbox = open_mailbox(at("imap", port))
        with pytest.raises(MailboxProblem, match="read only. Give the user write access"):
            mailbox.settle(["1"], [])
        mailbox.close()


@BOTH
def test_trying_it_out_tells_each_step(protocol: str) -> None:
    with mail_host(protocol, Post(mail(1))) as port:
        assert try_out(at(protocol, port)) == (
            ("Bounce mailbox: connect", True, f"127.0.0.1 answers on port {port}."),
            ("Bounce mailbox: sign in", True, "bounces may sign in."),
            ("Bounce mailbox: open", True, "1 mail to be read."),
        )


@BOTH
def test_a_wrong_password_is_named_and_not_told(protocol: str) -> None:
    with mail_host(protocol, Post()) as port:
        what, passed, words = try_out(replace(at(protocol, port), password="söcret"))[-1]

    assert (what, passed) == ("Bounce mailbox: sign in", False)
    assert "Check user name and password" in words
    assert "cret" not in words


def test_an_unknown_folder_is_named() -> None:
    with mail_host("imap", Post()) as port:
        words = try_out(replace(at("imap", port), folder="Nowhere"))[-1][2]
    assert words == "The server said: no such folder. Check the folder's name, Nowhere."


@BOTH
def test_a_server_that_is_not_there_or_says_nothing(protocol: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = try_out(at(protocol, closed.getsockname()[1]))[-1][2]
    with mail_host(protocol, Post(mute=True)) as port:
        silent = try_out(replace(at(protocol, port), timeout=0.3))[-1][2]

    assert refused == "The connection failed: Connection refused. Check host, port and encryption."
    assert silent == "The server did not answer in time. Check host, port and encryption."


@BOTH
@pytest.mark.parametrize("verify", [True, False])
def test_starttls_checks_the_certificate_unless_told_not_to(protocol: str, verify: bool, tmp_path: Path) -> None:
    post = Post(mail(1), context=server_context(make_certificate(tmp_path)))
    with mail_host(protocol, post) as port:
        settings = replace(at(protocol, port), security="starttls", verify_certificate=verify)
        report = try_out(settings)

    assert [passed for _, passed, _ in report] == ([False] if verify else [True] * 3)
    assert "certificate cannot be trusted" in report[0][2] or not verify
