from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.campaigns import under_fire
from tests.chaos.crew import Crew, crew
from tests.chaos.faults import Fault, database_restarted, faults_of, workers_killed

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def on_sqlite() -> Iterator[Crew]:
    with crew("sqlite") as made:
        yield made


@pytest.fixture(scope="module")
def on_postgres() -> Iterator[Crew]:
    with crew("postgres") as made:
        yield made


@pytest.mark.parametrize("fault", faults_of("sqlite"), ids=lambda fault: fault.__name__)
def test_nothing_is_lost_on_sqlite(on_sqlite: Crew, fault: Fault) -> None:
    assert under_fire(on_sqlite, fault, recipients=800).faults() == []
    on_sqlite.move_clock(0)


@pytest.mark.parametrize("fault", [workers_killed, database_restarted], ids=lambda fault: fault.__name__)
def test_nothing_is_lost_on_postgres(on_postgres: Crew, fault: Fault) -> None:
    assert under_fire(on_postgres, fault, recipients=800).faults() == []
