"""Every table, imported once so that metadata and migrations know all of them: each resource's `models` module."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import dashboard

for _package in iter_modules(dashboard.__path__):
    _name = f"dashboard.{_package.name}.models"
    if _package.ispkg and find_spec(_name) is not None:
        import_module(_name)
