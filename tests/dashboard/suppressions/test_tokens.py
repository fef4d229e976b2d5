from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.ids import public_id
from dashboard.suppressions.tokens import read_unsubscribe_token, unsubscribe_token, unsubscribe_url

KEY = "a key for tests only"


@given(st.integers(0, (1 << 63) - 1))
def test_a_token_leads_back_to_its_message(message_id: int) -> None:
    assert read_unsubscribe_token(unsubscribe_token(message_id, key=KEY), key=KEY) == message_id


@given(st.text(max_size=50))
def test_nothing_else_does(token: str) -> None:
    assert read_unsubscribe_token(token, key=KEY) is None


def test_a_changed_token_is_refused() -> None:
    token = unsubscribe_token(123, key=KEY)
    for place in range(len(token)):
        changed = token[:place] + ("0" if token[place] != "0" else "1") + token[place + 1 :]
        assert read_unsubscribe_token(changed, key=KEY) is None


def test_another_installation_does_not_know_it() -> None:
    assert read_unsubscribe_token(unsubscribe_token(123, key=KEY), key="another") is None


def test_the_link() -> None:
    token = unsubscribe_token(123, key=KEY)
    assert unsubscribe_url("https://desk.example", public_id("msg", 123), key=KEY) == f"https://desk.example/u/{token}"
    assert token.isalnum()
