"""static/vendor holds exactly what its manifest says: files, hashes, licences; built from a pinned lock file."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "static/vendor"
TOOLS = ROOT / "tools/vendor"
MANIFEST: dict[str, Any] = json.loads((VENDOR / "manifest.json").read_text())
HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


@pytest.mark.parametrize("entry", MANIFEST["files"], ids=lambda entry: str(entry["file"]))
def test_file_is_the_one_of_the_manifest(entry: dict[str, Any]) -> None:
    data = (VENDOR / entry["file"]).read_bytes()

    assert len(data) == entry["bytes"]
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]


def test_manifest_names_every_file_and_every_licence_text() -> None:
    listed = {"manifest.json"} | {entry["file"] for entry in MANIFEST["files"]}
    texts = {package["text"] for entry in MANIFEST["files"] for package in entry["packages"]}
    present = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()}

    assert present == listed | texts
    assert all((VENDOR / text).stat().st_size > 200 for text in texts)


def test_htmx_is_the_reviewed_version_2() -> None:
    entry = next(entry for entry in MANIFEST["files"] if entry["file"] == "htmx.min.js")

    assert entry["sha256"] == HTMX_SHA256
    assert entry["packages"][0]["version"] == "2.0.11"


def test_licences_allow_shipping() -> None:
    licences = {package["licence"] for entry in MANIFEST["files"] for package in entry["packages"]}

    assert licences <= {"MIT", "ISC", "0BSD"}


def test_versions_are_pinned_and_no_registry_is_named() -> None:
    wanted = json.loads((TOOLS / "package.json").read_text())["dependencies"]
    lock = (TOOLS / "package-lock.json").read_text()

    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), wanted
    assert '"resolved"' not in lock
    assert "registry" not in lock
    locked = json.loads(lock)["packages"]
    assert all(locked[f"node_modules/{name}"]["version"] == version for name, version in wanted.items())


def test_sprite_holds_the_listed_icons_without_scripts() -> None:
    sprite = (VENDOR / "icons.svg").read_text()
    listed = (TOOLS / "icons.txt").read_text().split()

    assert re.findall(r'<symbol id="([^"]+)"', sprite) == listed
    assert "<script" not in sprite
    assert "href" not in sprite
