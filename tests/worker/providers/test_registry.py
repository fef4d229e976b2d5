import re
from pathlib import Path

import pytest

from worker.providers import registry
from worker.providers.base import Provider

CONTRACTS = re.compile(
    r"^class \w+\((ProviderContract|HttpContract|SmsHttpContract|EmailHttpContract|PushHttpContract)\):", re.MULTILINE
)
TESTS = Path(__file__).parent


def test_finds_the_vendors_of_a_channel() -> None:
    emails = [provider.vendor for provider in registry.providers("email")]
    assert {"sandbox", "smtp"} <= set(emails)
    assert len(emails) == len(set(emails))
    assert set(registry.providers("email")) <= set(registry.providers())


def test_a_vendor_is_known_by_its_name() -> None:
    for provider in registry.providers():
        assert registry.get(provider.vendor) is provider


def test_an_unknown_vendor_is_told_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="'pigeon'") as raised:
        registry.get("pigeon")
    known = ", ".join(sorted(provider.vendor for provider in registry.providers()))
    assert str(raised.value).endswith(f"Known vendors: {known}.")


@pytest.mark.parametrize("provider", registry.providers(), ids=lambda provider: provider.vendor)
def test_each_vendor_says_what_it_is_and_passes_the_contract(provider: type[Provider]) -> None:
    assert provider.label
    assert provider.description.endswith(".")
    assert provider.channel in registry.CHANNELS
    assert provider.__module__ == f"worker.providers.{provider.channel}.{provider.vendor}"
    test = TESTS / provider.channel / f"test_{provider.vendor}.py"
    assert CONTRACTS.search(test.read_text()), f"{test} does not hold {provider.vendor} to the contract"
