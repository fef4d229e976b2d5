"""AUTH PLAIN, LOGIN and CRAM-MD5 (RFC 4954, 4616, 2195)."""

import base64
import binascii
import hmac
from collections.abc import Generator

from worker.providers.smtp_wire.problems import OpenFailed
from worker.providers.smtp_wire.replies import Reply
from worker.providers.smtp_wire.settings import WireSettings

_ENCRYPTED_ORDER = ("PLAIN", "LOGIN", "CRAM-MD5")
_OPEN_ORDER = ("CRAM-MD5", "PLAIN", "LOGIN")  # without TLS the one that does not show the password comes first
_TRY_ANOTHER = (500, 502, 504)  # the server does not know the mechanism after all; 535 is final, or accounts get locked

Exchange = Generator[bytes, Reply, Reply]


def authenticate(settings: WireSettings, offered: frozenset[str]) -> Generator[bytes, Reply, str]:
    """Sign in by the best mechanism both sides know and return its name. Raises OpenFailed."""
    order = _OPEN_ORDER if settings.security == "none" else _ENCRYPTED_ORDER
    usable = [mechanism for mechanism in order if mechanism in offered]
    for mechanism in usable:
        reply = yield from _EXCHANGES[mechanism](settings.username, settings.password)
        if reply.code == 235:
            return mechanism
        if reply.code not in _TRY_ANOTHER:
            raise _refused(settings.username, reply)
    raise OpenFailed(
        "Sign in",
        "authentication_unsupported",
        f"The server offers no way to sign in that we know ({', '.join(sorted(offered)) or 'none at all'}). "
        "Many servers offer it only once the connection is encrypted: check the encryption setting.",
        at_fault=True,
    )


def _refused(username: str, reply: Reply) -> OpenFailed:
    temporary = 400 <= reply.code < 500
    words = "could not check" if temporary else "refused"
    return OpenFailed(
        "Sign in",
        "connect_failed" if temporary else "authentication_failed",
        f"The server {words} the user name {username} and its password: {reply.code} {reply.words}",
        at_fault=not temporary,
        busy=reply.code == 421,
    )


def _plain(username: str, password: str) -> Exchange:
    reply = yield b"AUTH PLAIN " + _encode(f"\0{username}\0{password}".encode())
    return reply


def _login(username: str, password: str) -> Exchange:
    reply = yield b"AUTH LOGIN\r\n"
    for answer in (username, password):
        if reply.code != 334:
            break
        reply = yield _encode(answer.encode())
    return reply


def _cram_md5(username: str, password: str) -> Exchange:
    reply = yield b"AUTH CRAM-MD5\r\n"
    if reply.code != 334:
        return reply
    try:
        challenge = base64.b64decode(b"".join(reply.lines), validate=True)
    except binascii.Error:
        raise OpenFailed("Sign in", "connect_failed", "The server sent an unreadable challenge.") from None
    digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
    reply = yield _encode(f"{username} {digest}".encode())
    return reply


_EXCHANGES = {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}


def _encode(secret: bytes) -> bytes:
    return base64.b64encode(secret) + b"\r\n"
