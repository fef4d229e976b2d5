"""One table of states: complete, drawable, told apart without colour."""

from enum import StrEnum

import pytest
from flask import Flask

from dashboard.assets import icon_names
from dashboard.audiences.models import ImportState
from dashboard.campaigns.models import CampaignState
from dashboard.jobs.models import JobState
from dashboard.messages.models import MessageState
from dashboard.status import STATUSES, rows, status_of

pytestmark = pytest.mark.sqlite_only  # nothing here depends on the database

KINDS = {"ok", "info", "warn", "bad", "special", "neutral"}


@pytest.mark.parametrize(
    ("object_kind", "states"),
    [("message", MessageState), ("campaign", CampaignState), ("job", JobState), ("import", ImportState)],
)
def test_every_state_of_a_model_has_words(object_kind: str, states: type[StrEnum]) -> None:
    for state in states:
        assert status_of(object_kind, state).label


@pytest.mark.parametrize("object_kind", STATUSES)
def test_states_are_told_apart_without_colour(app: Flask, object_kind: str) -> None:
    table = STATUSES[object_kind]
    shapes = [(status.kind, status.icon) for status in table.values()]

    assert len(shapes) == len(set(shapes))
    assert {status.kind for status in table.values()} <= KINDS
    assert {status.icon for status in table.values()} <= icon_names()
    assert all(status.meaning.endswith(".") for status in table.values())


def test_labels_differ_within_an_object() -> None:
    for table in STATUSES.values():
        assert len({status.label for status in table.values()}) == len(table)


def test_rows_list_each_pair_once() -> None:
    pairs = [(object_kind, state) for object_kind, state, _ in rows()]

    assert len(pairs) == len(set(pairs))
    assert ("message", "delivered") in pairs


def test_unknown_state_names_the_pair() -> None:
    with pytest.raises(LookupError, match="'provider' in state 'odd'"):
        status_of("provider", "odd")
