from __future__ import annotations

from datetime import timedelta

import time_machine
from flask import Flask
from sqlalchemy import select

from dashboard.extensions import db, utc_now
from dashboard.search.models import SearchTerm
from dashboard.search.services import KEPT, recall, remember


def test_a_term_comes_back_by_its_token(app: Flask) -> None:
    token = remember("  Ada@Example.com ")
    assert recall(token) == "ada@example.com"
    assert remember("ada@example.com") == token


def test_neither_token_nor_row_shows_the_term(app: Flask) -> None:
    token = remember("ada@example.com")
    row = db.session.scalars(select(SearchTerm)).one()
    assert "ada" not in token
    assert "ada" not in row.term


def test_empty_and_unknown(app: Flask) -> None:
    assert remember("   ") == ""
    assert recall("") is None
    assert recall("0" * 32) is None


def test_a_term_is_forgotten(app: Flask) -> None:
    token = remember("ada@example.com")
    with time_machine.travel(utc_now() + KEPT + timedelta(minutes=1)):
        assert recall(token) is None
        remember("somebody else")
    assert db.session.scalar(select(SearchTerm).where(SearchTerm.token == token)) is None
