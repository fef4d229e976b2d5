"""Why a mailbox could not be read, in words for the operator."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import ssl
from collections.abc import Iterator


class MailboxProblem(Exception):
    """Reading did not work; `step` is what was tried, the message says why and what to do next."""

    def __init__(self, step: str, words: str) -> None:
        super().__init__(words)
        self.step = step


@contextlib.contextmanager
def explained(step: str, advice: str) -> Iterator[None]:
    """Whatever the libraries and the network raise, as a MailboxProblem that ends with the advice."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        words = f"The certificate cannot be trusted: {error.verify_message}. Correct the host name or the certificate."
        raise MailboxProblem(step, words) from error
    except TimeoutError as error:
        raise MailboxProblem(step, f"The server did not answer in time. {advice}") from error
    except (imaplib.IMAP4.error, poplib.error_proto) as error:
        raise MailboxProblem(step, f"The server said: {_said(error)}. {advice}") from error
    except OSError as error:
        raise MailboxProblem(step, f"The connection failed: {error.strerror or error}. {advice}") from error
    except (ValueError, IndexError, AttributeError) as error:
        # The libraries read replies without much care; the text could hold what was sent, such as a password.
        raise MailboxProblem(step, f"The server's answer makes no sense ({type(error).__name__}). {advice}") from error


def _said(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    text = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    return " ".join(text.split())[:300].rstrip(".") or "nothing"
