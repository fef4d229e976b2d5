"""What a reply, or the lack of one, means for a message."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from worker.providers.base import UNREGISTERED, Result
from worker.providers.http_wire.calls import Reply

# A gateway in front of the vendor had passed the request on when it gave up: the message may have been taken.
_GATEWAY_GAVE_UP = frozenset({502, 504})
_SETTINGS_AT_FAULT = frozenset({401, 403})
_TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it went for one message. `at_fault`: the settings are wrong, no further message may go."""

    result: Result
    code: str = ""
    detail: str = ""
    provider_message_id: str = ""
    retry_after: float | None = None
    at_fault: bool = False

    def after(self, reply: Reply) -> "Verdict":
        """The same with the pause that the reply asks for, where it is one to try again."""
        if self.result is not Result.RETRY or reply.retry_after is None:
            return self
        return replace(self, retry_after=reply.retry_after)


def sent(provider_message_id: object = "", code: str = "", detail: str = "") -> Verdict:
    """The vendor took it."""
    return Verdict(Result.SENT, code, detail, str(provider_message_id or ""))


def failed(code: object, detail: str = "") -> Verdict:
    """The vendor never will take it."""
    return Verdict(Result.FAILED, str(code), detail)


def unregistered(detail: str = "") -> Verdict:
    """The device is not there any more, or no device of this app: nothing may go to its token again."""
    return Verdict(Result.BOUNCED, UNREGISTERED, detail)


def retry(code: object, detail: str = "") -> Verdict:
    """The vendor has not taken it and may do so later."""
    return Verdict(Result.RETRY, str(code), detail)


def unknown(code: object, detail: str = "") -> Verdict:
    """Nobody can say whether the vendor took it."""
    return Verdict(Result.UNKNOWN, str(code), detail)


def misconfigured(code: object, detail: str = "") -> Verdict:
    """The vendor has not taken it and takes nothing until somebody changes the settings, or the account."""
    return Verdict(Result.RETRY, str(code), detail, at_fault=True)


def by_status(reply: Reply, detail: str = "", code: object = "") -> Verdict:
    """What the status alone says of a message that was not accepted; `code` is the vendor's own, `detail` its words.

    2xx without acceptance that anyone understands: unknown.
    """
    code, detail = (
        code or f"http_{reply.status}",
        detail or short(reply.text) or f"The vendor answers {reply.status} without a word.",
    )
    if reply.status in _SETTINGS_AT_FAULT:
        return misconfigured(code, detail)
    if reply.status in _TRY_AGAIN:
        return retry(code, detail).after(reply)
    if reply.ok or reply.status in _GATEWAY_GAVE_UP:
        return unknown(code, detail)
    if reply.status >= 500:
        return retry(code, detail).after(reply)
    if reply.status >= 400:
        return failed(code, detail)
    return misconfigured(code, f"The vendor answers elsewhere: status {reply.status}. Check the address. {detail}")


def everyone(verdict: Verdict, messages: Sequence[Any]) -> list[Verdict]:
    """One fate for the whole batch."""
    return [verdict] * len(messages)


def short(text: str) -> str:
    """The beginning of a vendor's text, without mark-up that would only fill the line."""
    return " ".join(text[:2000].split())[:500]
