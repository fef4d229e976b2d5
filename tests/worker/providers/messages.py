"""Messages and ears for the tests of providers."""

from collections.abc import Callable

from worker.providers.base import Outcome, OutgoingEmail, OutgoingPush, OutgoingSms, Result
from worker.rendering.content import RenderedEmail


def make_message(
    reference: int = 1,
    *,
    to: str | None = None,
    copies: tuple[str, ...] = (),
    sender: str = "sender@example.org",
    body: bytes = b"Subject: Hello\r\n\r\nGood day.\r\n",
    mime: Callable[[bool], bytes] | None = None,
) -> OutgoingEmail:
    """A message to `to` (by default an address that names the reference) with a body that never changes."""
    to = to or f"customer{reference}@example.com"
    return OutgoingEmail(
        reference=reference,
        envelope_from=sender,
        recipients=(to, *copies),
        to=to,
        from_address=sender,
        message_id=f"<{reference}@example.org>",
        rendered=RenderedEmail(
            subject="Hello",
            html="<p>Good day.</p>",
            text="Good day.",
            from_name="",
            reply_to="",
            cc=(),
            bcc=(),
            headers=(),
        ),
        mime=mime or (lambda eight_bit: body),
    )


def make_sms(
    reference: int = 1,
    *,
    to: str | None = None,
    text: str = "Your parcel is on its way.",
    sender: str = "PARCEL",
    template: str = "1707160000000000001",
    encoding: str = "gsm7",
    category: str = "transactional",
) -> OutgoingSms:
    """A text message to a number that names the reference."""
    to = to or f"+9198000{reference:05d}"
    return OutgoingSms(reference, to, sender, text, encoding, 1, category, template)


def make_push(
    reference: int = 1, *, token: str | None = None, title: str = "Hello", body: str = "Day."
) -> OutgoingPush:
    """A notification to a token that names the reference."""
    return OutgoingPush(reference, token or f"token{reference}", title, body, link="app://orders", data={"a": "b"})


class Outcomes:
    """Collects outcomes; call it as `on_outcome`."""

    def __init__(self) -> None:
        self.all: list[Outcome] = []

    def __call__(self, outcome: Outcome) -> None:
        self.all.append(outcome)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def references(self) -> list[int]:
        return sorted(outcome.reference for outcome in self.all)

    @property
    def results(self) -> dict[int, Result]:
        assert len(self.all) == len({outcome.reference for outcome in self.all}), "a message has two outcomes"
        return {outcome.reference: outcome.result for outcome in self.all}

    @property
    def only(self) -> Outcome:
        (outcome,) = self.all
        return outcome

    def of(self, reference: int) -> Outcome:
        (outcome,) = [outcome for outcome in self.all if outcome.reference == reference]
        return outcome
