from __future__ import annotations

from typing import Any

import pytest

from worker.providers.fields import read_settings
from worker.providers.mailbox.settings import BOUNCE_FIELDS, bounce_errors, mailbox_of

READ = {"bounce_protocol": "imap", "bounce_host": "imap.example.com", "bounce_username": "b", "bounce_password": "p"}


def typed(**values: Any) -> dict[str, Any]:
    return read_settings(BOUNCE_FIELDS, values)


def test_nothing_is_read_by_itself() -> None:
    assert bounce_errors(typed()) == {}
    assert mailbox_of(typed()) is None


@pytest.mark.parametrize(
    ("values", "port"),
    [
        ({}, 993),
        ({"bounce_protocol": "pop3"}, 995),
        ({"bounce_security": "starttls"}, 143),
        ({"bounce_protocol": "pop3", "bounce_security": "none"}, 110),
        ({"bounce_port": "1143"}, 1143),
    ],
)
def test_the_usual_port_is_known(values: dict[str, str], port: int) -> None:
    mailbox = mailbox_of(typed(**READ | values))

    assert mailbox is not None
    assert (mailbox.port, mailbox.folder, mailbox.delete) == (port, "INBOX", True)


@pytest.mark.parametrize("address", ["example.com", "a+b@example.com", "b" * 35 + "@example.com", "a b@example.com"])
def test_addresses_that_have_no_room_for_a_token_are_refused(address: str) -> None:
    assert list(bounce_errors(typed(bounce_address=address))) == ["bounce_address"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"bounce_host": "imaps://imap.example.com"}, "bounce_host"),
        ({"bounce_username": ""}, "bounce_username"),
        ({"bounce_password": ""}, "bounce_password"),
        ({"bounce_port": "1.5"}, "bounce_port"),
        ({"bounce_protocol": "pop3", "bounce_after": "seen"}, "bounce_after"),
        ({"bounce_folder": 'a"b'}, "bounce_folder"),
    ],
)
def test_settings_that_do_not_make_sense_are_named(values: dict[str, str], field: str) -> None:
    assert list(bounce_errors(typed(**READ | values))) == [field]
