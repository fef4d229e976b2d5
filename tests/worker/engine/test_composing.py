from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from dashboard.current import current_settings
from dashboard.extensions import db
from tests.factories.sending import new_job, people
from worker.engine.composing_email import EmailComposer
from worker.engine.plan import load_plan
from worker.engine.rows import RecordRow
from worker.rendering.values import merge

_names = st.sampled_from(["email", "phone", "external_id", "message_id", "unsubscribe_url", "city", "name"])


@pytest.mark.parametrize("text", ['{"a": 1}', ' {"a": [NaN, 1e400]}', '{"a": "\\ud83d"}\n', "{}", ""])
def test_variables_are_read_as_json(app: Flask, text: str) -> None:  # noqa: ARG001
    record = RecordRow(0, None, None, None, text)
    assert repr(_composer({}).layers(1, record)["record"]) == repr(json.loads(text or "{}"))


@pytest.mark.parametrize("text", ['{"a": 1} x', '{"a": ', "x"])
def test_what_is_no_json_fails(app: Flask, text: str) -> None:  # noqa: ARG001
    with pytest.raises(ValueError, match="line 1"):
        _composer({}).layers(1, RecordRow(0, None, None, None, text))


def _composer(call_values: dict[str, Any]) -> EmailComposer:
    job = new_job(people(1), call_values=call_values)
    plan = load_plan(db.engine, current_settings(), job.id)
    assert plan is not None
    return EmailComposer(plan)


def test_values_are_those_of_the_layers(app: Flask) -> None:  # noqa: ARG001
    composer = _composer({"city": "of the call", "phone": "of the call"})

    @given(
        variables=st.dictionaries(_names, st.text(max_size=3)),
        addresses=st.tuples(*[st.none() | st.text(max_size=3)] * 3),
        message_id=st.integers(0, 2**62),
    )
    def equal(variables: dict[str, Any], addresses: tuple[str | None, ...], message_id: int) -> None:
        record = RecordRow(0, *addresses, json.dumps(variables))
        assert composer.values(message_id, record) == merge(composer.layers(message_id, record))

    equal()
