"""How a provider is doing: exact for few messages, a fair estimate for many, and the word that follows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.extensions import transaction, utc_now
from dashboard.messages.models import MessageState
from dashboard.providers import health
from dashboard.providers.health import HOURS, SAMPLE, Traffic, one_of_each, state_of
from dashboard.providers.models import Provider
from tests.factories.providers import add_run, fresh, new_inbox, new_relay

SENT, FAILED, BOUNCED = MessageState.SENT, MessageState.FAILED, MessageState.BOUNCED


def traffic_of(provider: Provider) -> Traffic:
    now = utc_now()
    return health.traffic_of(health.sample_of([provider.id], now), now).get(provider.id, Traffic())


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 400)), max_size=20), st.integers(1, 50))
def test_a_sample_takes_one_of_each_group_of_neighbours(blocks: list[tuple[int, int]], group: int) -> None:
    blocks = [(number * 2 * 10**6 + first, count) for number, (first, count) in enumerate(blocks)]  # apart, as in life
    end_to_end = [first + number for first, count in blocks for number in range(count)]
    places = [end_to_end.index(chosen) // group for chosen in one_of_each(blocks, group)]
    whole = list(range(len(end_to_end) // group))
    assert places in (whole, [*whole, len(whole)])  # of the last ones, fewer than a group, one or none


def test_what_comes_round_regularly_is_met_in_its_share() -> None:
    chosen = one_of_each([(0, 400_000)], 200)
    assert len(chosen) == 2_000
    assert 140 <= sum(1 for number in chosen if number % 10 == 0) <= 260


@pytest.mark.usefixtures("app")
def test_what_was_handed_over_hour_by_hour() -> None:
    box, now = new_inbox(), utc_now()
    add_run(box, [(SENT, ""), (SENT, ""), (FAILED, "554"), (BOUNCED, "550")], at=now - timedelta(minutes=10))
    add_run(box, [(SENT, "")] * 3, at=now - timedelta(hours=5, minutes=30))
    add_run(box, [(SENT, "")] * 7, at=now - timedelta(hours=30))
    add_run(new_inbox("Another"), [(SENT, "")], at=now)
    traffic = traffic_of(box)
    assert (traffic.hours[-1], traffic.hours[-6], traffic.day) == (4, 3, 7)
    assert (traffic.sent, traffic.failed, traffic.put_off, traffic.trouble) == (2, 2, 0, 1)
    assert traffic.weight == 1


@pytest.mark.usefixtures("app")
def test_many_messages_are_estimated_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SAMPLE", 20)
    box = new_inbox()
    add_run(box, [(FAILED if number % 4 == 0 else SENT, "") for number in range(101)])
    add_run(box, [(SENT, "")])
    traffic = traffic_of(box)
    assert traffic.weight == 6
    assert 90 <= traffic.day <= 114
    assert traffic.sent + traffic.failed == traffic.day
    assert len(health.sample_of([box.id], utc_now()).ids[box.id]) <= 20


@pytest.mark.usefixtures("app")
def test_put_off_messages_and_records_not_reached() -> None:
    box = new_inbox()
    add_run(box, [(MessageState.QUEUED, "451")] * 2 + [(SENT, "")], reached=10)
    traffic = traffic_of(box)
    assert (traffic.put_off, traffic.trouble, traffic.sent, traffic.day) == (2, 2, 1, 3)


@pytest.mark.usefixtures("app")
def test_failures_in_groups_with_the_last_words() -> None:
    box = new_inbox()
    run = add_run(box, [(FAILED, "554"), (BOUNCED, "550"), (FAILED, "554"), (SENT, "")])
    now = utc_now()
    groups = health.errors_of(box.id, health.sample_of([box.id], now), now)
    assert [(group.code, group.count) for group in groups] == [("554", 2), ("550", 1)]
    assert groups[0].words == "the server said 554"
    assert groups[0].message_id == run.first_message_id + 2


@pytest.mark.usefixtures("app")
def test_the_word_for_a_provider() -> None:
    relay = fresh(new_relay())
    nothing = Traffic()
    assert state_of(relay, nothing, ever_used=False) == "untested"
    assert state_of(relay, nothing, ever_used=True) == "healthy"
    assert state_of(relay, Traffic(sent=95, failed=5, trouble=5), ever_used=True) == "healthy"
    assert state_of(relay, Traffic(sent=80, failed=20, trouble=20), ever_used=True) == "degraded"
    assert state_of(relay, Traffic(failed=50, trouble=50), ever_used=True) == "down"
    assert state_of(relay, Traffic(failed=3, trouble=3), ever_used=True) == "healthy"  # too few to tell
    with transaction() as session:
        session.get_one(Provider, relay.id).last_error = "It does not answer."
    assert state_of(fresh(relay), Traffic(sent=100), ever_used=True) == "down"
    with transaction() as session:
        session.get_one(Provider, relay.id).enabled = False
    assert state_of(fresh(relay), nothing, ever_used=True) == "disabled"


@pytest.mark.usefixtures("app")
def test_no_provider_no_work() -> None:
    now = utc_now()
    assert health.traffic_of(health.sample_of([], now), now) == {}
    assert health.used([]) == frozenset()
    assert len(Traffic().hours) == HOURS
    assert SAMPLE == 2_000
