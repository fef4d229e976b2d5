"""What every provider owes the engine. Subclass it with a `provider` fixture; see the vendors' tests."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.worker.providers.messages import Outcomes, make_message
from worker.providers.base import Outgoing, Provider, Result, Session, Wait
from worker.rendering.errors import RenderError


class Interruption(BaseException):
    """As a worker's runtime raises when it is told to stop."""


class ProviderContract:
    """`most_taken`: how many messages the session may hold without having reported on them."""

    most_taken: int

    def message(self, reference: int) -> Any:
        """A message of the vendor's channel."""
        return make_message(reference)

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        """A message that cannot be written down, and the code and the beginning of the detail that tell so."""

        def broken(eight_bit: bool) -> bytes:
            raise RenderError("header_injection", "Subject contains a line break.")

        return make_message(reference, mime=broken), "header_injection", "Subject contains a line break."

    @pytest.fixture
    def session(self, provider: Provider) -> Iterator[Session]:
        session = provider.open()
        yield session
        session.close()

    def test_each_message_has_one_outcome(self, session: Session) -> None:
        outcomes = Outcomes()
        session.send((self.message(number) for number in range(300)), outcomes)
        assert outcomes.results == dict.fromkeys(range(300), Result.SENT)

    def test_nothing_to_send_is_nothing_to_do(self, session: Session) -> None:
        outcomes = Outcomes()
        session.send([], outcomes)
        assert not outcomes.all

    def test_takes_no_more_than_it_can_carry(self, session: Session) -> None:
        outcomes = Outcomes()
        most = 0

        def outgoing() -> Iterator[Outgoing]:
            nonlocal most
            for taken in range(1000):
                most = max(most, taken - len(outcomes))
                yield self.message(taken)

        session.send(outgoing(), outcomes)
        assert len(outcomes) == 1000
        assert most <= self.most_taken

    def test_settles_what_it_has_while_it_waits(self, session: Session) -> None:
        outcomes = Outcomes()
        waits = 0

        def outgoing() -> Iterator[Outgoing | Wait]:
            nonlocal waits
            for number in range(5):
                yield self.message(number)
                while len(outcomes) <= number:
                    waits += 1
                    assert waits < 100, "a Wait ends before its time without an outcome"
                    yield Wait(60)

        session.send(outgoing(), outcomes)
        assert outcomes.results == dict.fromkeys(range(5), Result.SENT)

    def test_goes_on_after_a_wait_with_nothing_under_way(self, session: Session) -> None:
        outcomes = Outcomes()
        session.send([Wait(0.05), self.message(1), Wait(0.05), Wait(0), self.message(2), Wait(0.05)], outcomes)
        assert outcomes.references == [1, 2]

    @pytest.mark.parametrize("error", [RuntimeError("the database is away"), Interruption("stop")])
    def test_raises_the_error_of_the_source_after_the_outcomes(self, session: Session, error: BaseException) -> None:
        outcomes = Outcomes()

        def outgoing() -> Iterator[Outgoing]:
            for number in range(7):
                yield self.message(number)
            raise error

        with pytest.raises(type(error)) as raised:
            session.send(outgoing(), outcomes)
        assert raised.value is error
        assert outcomes.references == list(range(7))
        assert set(outcomes.results.values()) <= {Result.SENT, Result.RETRY}
        # Then the session is as good as before.
        outcomes = Outcomes()
        session.send([self.message(8)], outcomes)
        assert outcomes.only.result is Result.SENT

    def test_survives_a_callback_that_fails(self, session: Session) -> None:
        def full_disk(outcome: object) -> None:
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space left"):
            session.send((self.message(number) for number in range(50)), full_disk)
        # What was under way is not reported to the next one who asks.
        outcomes = Outcomes()
        session.send([self.message(number) for number in range(100, 120)], outcomes)
        assert outcomes.results == dict.fromkeys(range(100, 120), Result.SENT)

    def test_a_message_that_cannot_be_rendered_fails_alone(self, session: Session) -> None:
        broken, code, detail = self.unsendable(2)
        outcomes = Outcomes()
        session.send([self.message(1), broken, self.message(3)], outcomes)
        assert outcomes.results == {1: Result.SENT, 2: Result.FAILED, 3: Result.SENT}
        assert outcomes.of(2).code == code
        assert outcomes.of(2).detail.startswith(detail)

    def test_reports_in_the_calling_thread(self, session: Session) -> None:
        threads = set()
        session.send([self.message(1), self.message(2)], lambda outcome: threads.add(threading.get_ident()))
        assert threads == {threading.get_ident()}

    def test_closes_twice_and_before_any_message(self, provider: Provider) -> None:
        session = provider.open()
        session.close()
        session.close()
        used = provider.open()
        used.send([self.message(1)], Outcomes())
        used.close()
        used.close()

    def test_connection_test_tells_its_steps(self, provider: Provider) -> None:
        report = provider.test_connection()
        assert report.ok
        assert report.steps
        assert all(ok and what and words for what, ok, words in report.steps)

    def test_settings_are_described_for_a_form(self, provider: Provider) -> None:
        fields = type(provider).fields
        assert len({field.name for field in fields}) == len(fields)
        assert all(field.label for field in fields)
        assert all(field.choices for field in fields if field.kind == "choice")
        assert type(provider).validate(provider.settings) == {}
