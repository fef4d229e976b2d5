"""Finds the vendors: every concrete Provider in a module under email/, sms/ or push/, with no list to keep."""

import importlib
import inspect
import pkgutil
from functools import cache

from worker.providers.base import Provider

CHANNELS = ("email", "sms", "push")


def providers(channel: str | None = None) -> tuple[type[Provider], ...]:
    """Provider classes of one channel, or of all, by label."""
    found = _discovered().values()
    chosen = (provider for provider in found if channel is None or provider.channel == channel)
    return tuple(sorted(chosen, key=lambda provider: (CHANNELS.index(provider.channel), provider.label.casefold())))


def get(vendor: str) -> type[Provider]:
    """The class of a vendor. Raises LookupError for a vendor that no module here serves."""
    try:
        return _discovered()[vendor]
    except KeyError:
        known = ", ".join(sorted(_discovered()))
        raise LookupError(f"No provider serves the vendor {vendor!r}. Known vendors: {known}.") from None


@cache
def _discovered() -> dict[str, type[Provider]]:
    found: dict[str, type[Provider]] = {}
    for channel in CHANNELS:
        package = importlib.import_module(f"worker.providers.{channel}")
        for module_info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{module_info.name}")
            for provider in _providers_of(module.__name__, vars(module)):
                if provider.channel != channel or provider.vendor in found:
                    raise TypeError(f"{provider.__name__} has a wrong channel or a vendor name already in use.")
                found[provider.vendor] = provider
    return found


def _providers_of(module_name: str, members: dict[str, object]) -> list[type[Provider]]:
    return [
        member
        for member in members.values()
        if inspect.isclass(member)
        and issubclass(member, Provider)
        and not inspect.isabstract(member)
        and member.__module__ == module_name
    ]
