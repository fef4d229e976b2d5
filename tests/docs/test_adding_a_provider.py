"""docs/adding-a-provider.md is followed: the files on the page are a vendor with a form, sending and receipts."""

from __future__ import annotations

import atexit
import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask.testing import FlaskClient

from worker.providers import registry, sms

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-provider.md").read_text()
FILES = dict(re.findall(r"`([\w/]+\.py)`[^`]*?```python\n(.*?)```", PAGE, re.DOTALL))
FOLDER = Path(tempfile.mkdtemp(prefix="courier-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def load(path: str) -> ModuleType:
    """The module of a file on the page, under the name that it has at its place."""
    file = FOLDER / Path(path).name
    file.write_text(FILES[path])
    spec = importlib.util.spec_from_file_location(path.removesuffix(".py").replace("/", "."), file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


VENDOR = load("worker/providers/sms/courier.py")
TESTS = load("tests/worker/providers/sms/test_courier.py")


class TestContract(TESTS.TestContract):  # type: ignore[misc, name-defined]
    """The page's own test of sending."""


class TestReceipts(TESTS.TestReceipts):  # type: ignore[misc, name-defined]
    """The page's own test of receipts."""


@pytest.fixture
def put_into_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sms, "__path__", [*sms.__path__, str(FOLDER)])
    registry._discovered.cache_clear()
    yield
    registry._discovered.cache_clear()


def test_the_vendor_is_found_and_has_a_form(client: FlaskClient, put_into_place: None) -> None:
    assert registry.get("courier") is VENDOR.CourierProvider
    assert "/providers/new/courier" in client.get("/providers/new").text
    form = client.get("/providers/new/courier").text
    for field in VENDOR.CourierProvider.fields:
        assert f'name="setting_{field.name}"' in form


def test_the_page_names_nothing_that_is_not_there() -> None:
    known = " ".join(path.read_text() for path in (Path(registry.__file__).parent).rglob("*.py"))
    table = PAGE[PAGE.index("| what | meaning |") :]
    for name in set(re.findall(r"`([A-Za-z_]+)(?:\([^`]*\))?`", table)) - {"retry", "failed", "unknown", "sent"}:
        assert re.search(rf"\b{name}\b", known), name
