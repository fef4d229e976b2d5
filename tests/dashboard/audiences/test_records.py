"""Other pages pick audiences and records through these."""

from __future__ import annotations

import pytest
from flask import Flask

from dashboard.audiences import queries, records, services
from dashboard.audiences.models import DatasetVersion
from dashboard.extensions import db
from tests.factories.audiences import loaded_audience, new_audience

CSV = (
    "email,customer_id,name,note\n"
    "a@example.com,C1,Anna,short\n"
    "b@example.com,C2,,\n"
    "c@example.com,C3,Cleo,a very much longer note than the others have\n"
)


def version(app: Flask) -> DatasetVersion:
    audience = loaded_audience(CSV)
    return db.session.get_one(DatasetVersion, audience.current_version_id)


def test_choices_are_those_with_records(app: Flask) -> None:
    loaded_audience(CSV, "Zebras")
    first = loaded_audience(CSV, "antelopes")
    new_audience("Empty")
    services.archive_audience(audience_id=loaded_audience(CSV, "Old").id)
    choices = queries.audience_choices()
    assert [(name, count) for _, name, count in choices] == [("antelopes", 3), ("Zebras", 3)]
    assert choices[0][0] == first.id


def test_columns_have_the_names_of_templates(app: Flask) -> None:
    assert queries.column_names(version(app)) == ["email", "external_id", "name", "note"]


@pytest.mark.parametrize(
    ("how", "text", "email"),
    [
        ("first", "", "a@example.com"),
        ("longest", "", "c@example.com"),
        ("missing", "", "b@example.com"),
        ("search", "C@EXAMPLE", "c@example.com"),
        ("search", "c2", "b@example.com"),
        ("search", "nobody", None),
    ],
)
def test_records_are_picked(app: Flask, how: str, text: str, email: str | None) -> None:
    found = records.pick_record(version(app).id, how, text)
    assert (found.email if found else None) == email


def test_a_random_record_is_one_of_them(app: Flask) -> None:
    shown = version(app)
    found = records.pick_record(shown.id, "random")
    assert found is not None
    assert 0 <= found.record_no < 3


def test_nothing_to_pick(app: Flask) -> None:
    assert records.pick_record(1, "first") is None
    assert records.record_at(1, 0) is None
    with pytest.raises(ValueError, match="strangest"):
        records.pick_record(version(app).id, "strangest")


def test_values_stand_in_the_order_of_the_columns(app: Flask) -> None:
    rows = records.rows(version(app))
    assert rows[1].values == ("b@example.com", "C2", "", "")
