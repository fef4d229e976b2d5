"""Two machines on one PostgreSQL and one broker: one leaves in order, one dies with its journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.jobs.models import Chunk
from tests.bench.installation import Installation, installation
from tests.chaos.campaigns import CONNECTIONS, Campaign
from tests.chaos.faults import WINDOW
from tests.chaos.hosts import Host, alive, holders, hosts
from tests.chaos.recorder import recording
from tests.installations import until

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def shared() -> Iterator[Installation]:
    with installation("postgres", lease_seconds=2, chunk_size=100, window_size=WINDOW, retry_seconds=1) as running:
        yield running


@pytest.fixture
def two(shared: Installation, tmp_path: Path) -> Iterator[list[Host]]:
    with hosts(shared, tmp_path, 2) as made:
        until(lambda: len(alive()) >= 4, 30, "not every process beats")
        yield made


def takeovers(job_id: int) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.sum(Chunk.takeovers)).where(Chunk.job_id == job_id)) or 0


def both_at_work(two: list[Host]) -> bool:
    return all(host.pids() & holders() for host in two)


def test_a_machine_that_is_drained_leaves_nothing_behind(two: list[Host]) -> None:
    with recording(0.02) as recorder:
        campaign = Campaign(None, recorder, 1500)
        campaign.wait_until(lambda: both_at_work(two))
        leaving, pids = two[0], two[0].pids()
        assert leaving.drain() == (0, 0)
        assert not pids & holders()
        assert not pids & alive()
        outcome = campaign.end()
    assert outcome.faults() == []
    assert outcome.duplicates == 0
    assert outcome.counted == {"sent": 1500}
    assert takeovers(campaign.job_id) == 0


@pytest.mark.parametrize(("values", "states"), [({}, {"sent"}), ({"resend_unknown": False}, {"sent", "unknown"})])
def test_a_machine_that_dies_takes_its_journal_along(two: list[Host], values: dict[str, Any], states: set[str]) -> None:
    """What it had marked is in doubt, a window at most: sent again and marked so, or left as unknown."""
    with recording(0.02) as recorder:
        campaign = Campaign(None, recorder, 1500, **values)
        campaign.wait_until(lambda: both_at_work(two))
        campaign.advance(0.1)
        two[0].kill()
        outcome = campaign.end()
    in_doubt = len(outcome.marked) + outcome.counted.get("unknown", 0)
    assert set(outcome.rows.values()) == states
    assert 0 < in_doubt <= WINDOW + CONNECTIONS
    assert takeovers(campaign.job_id) >= 1
    assert outcome.unmarked_duplicates == 0
    assert outcome.duplicates == 0 if values else outcome.duplicates <= WINDOW
    if not values:
        assert outcome.lost == 0
    assert sum(outcome.counted.values()) == 1500
