from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.audit.models import AuditEntry
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.problems import DomainError
from dashboard.suppressions.addresses import normal_address
from dashboard.suppressions.models import Suppression, SuppressionReason, SuppressionScope
from dashboard.suppressions.queries import standing_against, suppressed_count_of
from dashboard.suppressions.services import suppress, suppress_lines


@pytest.mark.parametrize(
    ("typed", "normal"),
    [(" Ada@Example.COM ", "ada@example.com"), ("ada@bücher.example", "ada@xn--bcher-kva.example")],
)
def test_addresses_are_stored_as_records_carry_them(typed: str, normal: str) -> None:
    assert normal_address(typed) == normal


@pytest.mark.parametrize("typed", ["", "ada", "ada@", "@example.com", "a b@example.com"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(DomainError):
        normal_address(typed)


def test_twice_is_once(app: Flask) -> None:
    assert suppress(address="ada@example.com")
    assert not suppress(address="ada@example.com", reason=SuppressionReason.UNSUBSCRIBED)
    assert suppress(address="ada@example.com", scope=SuppressionScope.ALL)
    assert len(db.session.scalars(select(Suppression)).all()) == 2
    assert len(db.session.scalars(select(AuditEntry)).all()) == 2


def test_what_each_scope_keeps_back(app: Flask) -> None:
    suppress(address="p@example.com", scope=SuppressionScope.PROMOTIONAL)
    suppress(address="a@example.com", scope=SuppressionScope.ALL)
    assert standing_against("email", "p@example.com", "promotional") is not None
    assert standing_against("email", "p@example.com", "transactional") is None
    assert standing_against("email", "a@example.com", "promotional") is not None
    assert standing_against("email", "a@example.com", "otp") is not None
    assert standing_against("email", "other@example.com", "promotional") is None


def test_every_line_has_its_own_result(app: Flask) -> None:
    results = suppress_lines(
        text="ada@example.com\n\nnot an address\nADA@example.com\ngrace@example.com",
        scope=SuppressionScope.PROMOTIONAL,
        note="asked by phone",
    )
    assert [(result.line, result.ok) for result in results] == [(1, True), (3, False), (4, True), (5, True)]
    assert "already" in results[2].outcome
    assert len(db.session.scalars(select(Suppression)).all()) == 2


def test_the_share_of_an_audience(app: Flask) -> None:
    dataset = new_id()
    with transaction():
        db.session.add(DatasetVersion(id=dataset, ready=True, record_count=3))
        for number, name in enumerate(("ada", "grace", "alan")):
            db.session.add(Record(dataset_version_id=dataset, record_no=number, email=f"{name}@example.com"))
    suppress(address="ada@example.com")
    suppress(address="alan@example.com", scope=SuppressionScope.ALL)
    assert suppressed_count_of(dataset, "email", "promotional") == 2
    assert suppressed_count_of(dataset, "email", "transactional") == 1
