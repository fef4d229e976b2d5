"""What a reply of the server means for the message it is about."""

from typing import NamedTuple

from worker.providers.base import Result
from worker.providers.smtp_wire.replies import Reply, one_line

# Codes that speak about us and not about the message: every further message would meet the same wall.
_SETTINGS_AT_FAULT = frozenset({530, 534, 535, 538})
_SETTINGS_AT_FAULT_ENHANCED = frozenset({"5.7.8", "5.7.9", "5.7.11"})


class Verdict(NamedTuple):
    """How a transaction ended. `at_fault`: by the settings, so that the session has to stop."""

    result: Result
    code: str = ""
    detail: str = ""
    queue_id: str = ""
    at_fault: bool = False


def judge(reply: Reply, *, final: bool) -> Verdict:
    """A reply to a command, or to the final dot, that ends the transaction.

    The first digit decides; the enhanced code only explains (RFC 3463). An answer that is neither yes nor no after
    the final dot leaves open whether the message was taken.
    """
    if final and isinstance(reply.meaning, Verdict):
        return reply.meaning
    words, enhanced = reply.words, reply.enhanced
    code = f"{reply.code} {enhanced}" if enhanced else str(reply.code)
    if final and 200 <= reply.code < 300:
        reply.meaning = verdict = Verdict(Result.SENT, code, words, reply.queue_id)
        return verdict
    if reply.code in _SETTINGS_AT_FAULT or enhanced in _SETTINGS_AT_FAULT_ENHANCED:
        return Verdict(Result.RETRY, "not_attempted", f"{code} {words}", at_fault=True)
    if 400 <= reply.code < 500:
        return Verdict(Result.RETRY, code, words)
    if 500 <= reply.code < 600:
        return Verdict(Result.FAILED, code, words)
    return broken_protocol(f"{code} {words}", handed_over=final)


def broken_protocol(words: str, *, handed_over: bool) -> Verdict:
    """The server said something that fits no place in the dialogue."""
    return Verdict(Result.UNKNOWN if handed_over else Result.RETRY, "protocol_error", one_line(words))


def broken_connection(code: str, words: str, *, handed_over: bool) -> Verdict:
    """The connection went away; `code` is connection_lost or timeout. After the final dot only the server knows."""
    if handed_over:
        return Verdict(Result.UNKNOWN, f"{code}_after_data", one_line(words))
    return Verdict(Result.RETRY, code, one_line(words))


def with_refused_copies(verdict: Verdict, copies: list[str]) -> Verdict:
    """Add the cc and bcc addresses that the server turned down, with its words, to the detail."""
    if not copies:
        return verdict
    detail = one_line(f"Refused copies: {'; '.join(copies)}. {verdict.detail}")
    return Verdict(verdict.result, verdict.code, detail, verdict.queue_id, verdict.at_fault)
