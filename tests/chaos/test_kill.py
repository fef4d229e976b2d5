from __future__ import annotations

import signal

import pytest

from tests.chaos.campaigns import CONNECTIONS, Outcome, crew, under_fire

pytestmark = pytest.mark.services


def _nothing_is_lost(outcome: Outcome) -> None:
    assert outcome.lost == 0
    assert outcome.state == "finished"
    assert outcome.counted == outcome.rows == {"sent": outcome.recipients}
    assert outcome.changed_message_ids == 0
    assert outcome.unmarked_duplicates == 0


def test_the_killed_lose_nothing_and_those_asked_to_end_double_nothing(database_kind: str) -> None:
    with crew(database_kind) as workers:
        killed = under_fire(workers, recipients=1200, strikes=4, number=signal.SIGKILL)
        asked = under_fire(workers, recipients=500, strikes=1, number=signal.SIGTERM)

    _nothing_is_lost(killed)
    assert killed.duplicates <= killed.kills * CONNECTIONS
    _nothing_is_lost(asked)
    assert asked.duplicates == 0
    assert asked.marked == set()
