"""Signatures as the Standard Webhooks specification lays them out."""

from __future__ import annotations

import base64

from dashboard.endpoints.signing import headers, new_secret, signature

_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_known_example_of_the_specification() -> None:
    """The values that the reference libraries are tested with."""
    made = signature(_SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_random_and_long_enough() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets)


def test_every_valid_secret_signs() -> None:
    found = headers([_SECRET, new_secret()], "evt_1", 5, b"{}")
    assert (found["webhook-id"], found["webhook-timestamp"]) == ("evt_1", "5")
    assert found["webhook-signature"].split(" ")[0] == signature(_SECRET, "evt_1", 5, b"{}")
    assert len(found["webhook-signature"].split(" ")) == 2
