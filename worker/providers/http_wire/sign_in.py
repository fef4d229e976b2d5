"""Signing in with tokens that are made from a key and hold for a while."""

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import load_pem_private_key

_YOUNG_SECONDS = 10.0  # refused so soon, it was not for its age
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", re.DOTALL)


class HeldToken(NamedTuple):
    """A token and when to make the next one, on the monotonic clock."""

    text: str
    made_at: float
    good_until: float


class TokenCache:
    """The token in use, for all threads of a session; `make` gives (token, seconds for which to use it)."""

    def __init__(self, make: Callable[[], tuple[str, float]], *, youngest: float = _YOUNG_SECONDS) -> None:
        self._make = make
        self._youngest = youngest
        self._lock = threading.Lock()
        self._held: HeldToken | None = None

    def token(self) -> str:
        """The token, made anew where its time is over. Raises what `make` raises; only one thread makes it."""
        with self._lock:
            now = time.monotonic()
            if self._held is None or now >= self._held.good_until:
                text, seconds = self._make()
                self._held = HeldToken(text, now, now + seconds)
            return self._held.text

    def refused(self) -> None:
        """The vendor calls the token old: make another one, unless this one was made just now."""
        with self._lock:
            if self._held is not None and time.monotonic() - self._held.made_at >= self._youngest:
                self._held = None


def pem_key(text: str) -> str:
    """A private key in PEM with its line breaks, which a field of one line takes out. Raises ValueError for none."""
    found = _PEM.search(text)
    if found is None:
        raise ValueError("no key in PEM")
    label, body = found[1], "".join(found[2].split())
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    pem = f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
    try:
        load_pem_private_key(pem.encode(), None)
    except Exception as error:  # cryptography raises its own kinds beside ValueError and TypeError
        raise ValueError("the key cannot be read") from error
    return pem


def parts_of_key(pem: str) -> Iterable[str]:
    """The lines of a key: what must not be shown, in the pieces in which it may come back."""
    return [line for line in pem.splitlines() if line and not line.startswith("-----")]
