"""The tasks that workers run: thin, with ids as arguments. Importing this package's modules declares them."""

from __future__ import annotations

import importlib
import pkgutil


def declare_all() -> tuple[str, ...]:
    """Import every module here, so that the broker of this process knows its actors; their names."""
    names = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
    for name in names:
        importlib.import_module(f"{__name__}.{name}")
    return names
