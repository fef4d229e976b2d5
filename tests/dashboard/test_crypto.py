from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from dashboard import crypto


@given(key=st.text(min_size=1), text=st.text())
def test_a_keyed_hash_is_an_hmac(key: str, text: str) -> None:
    expected = hmac.new(crypto._derived(key, "purpose"), text.encode("utf-8"), "sha256").hexdigest()
    assert crypto.keyed_hash(key, "purpose", text) == expected
