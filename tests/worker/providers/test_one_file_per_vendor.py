"""A vendor is one file: the rest of the product works from what the class says about itself.

Adding a vendor must touch its module, its tests and a line of documentation, so no other file may know its name.
"SMTP", "SMPP" and "sandbox" are also words of the product (protocols, a page, a template's safety); for these it is
the use as a vendor that is looked for: an import of the module, a comparison, a look-up by name. A vendor may have
pages of its own in `dashboard/<vendor>/`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.providers import registry

ROOT = Path(__file__).parents[3]
WORDS_OF_THE_PRODUCT = frozenset({"smtp", "smpp", "sandbox"})
VENDORS = tuple(provider.vendor for provider in registry.providers())


def product_files(*suffixes: str) -> Iterator[Path]:
    for folder in ("dashboard", "worker", "migrations", "static"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes and "vendor" not in path.relative_to(ROOT).parts[:-1]:
                yield path


def is_home(path: Path, vendor: str) -> bool:
    module = ROOT / (registry.get(vendor).__module__.replace(".", "/") + ".py")
    return path == module or ROOT / "dashboard" / vendor in path.parents


def uses_as_vendor(source: str, vendor: str) -> list[int]:
    """Lines of Python that import the vendor's module, compare with its name or look it up."""
    module = registry.get(vendor).__module__
    if vendor not in source and module.rpartition(".")[2] not in source:
        return []  # none of the uses below is without the one or the other, and parsing takes its time
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found = node.module == module or module in names
        elif isinstance(node, ast.Import):
            found = any(alias.name == module for alias in node.names)
        elif isinstance(node, ast.Compare):
            found = any(_says(part, vendor) for part in (node.left, *node.comparators))
        elif isinstance(node, ast.Call):
            found = getattr(node.func, "attr", "") == "get" and bool(node.args) and _looks_up(node, vendor)
        elif isinstance(node, ast.MatchValue):
            found = _says(node.value, vendor)
        else:
            found = False
        if found:
            lines.append(node.lineno if hasattr(node, "lineno") else 0)
    return lines


def _says(node: ast.AST, vendor: str) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(_says(element, vendor) for element in node.elts)
    return isinstance(node, ast.Constant) and node.value == vendor


def _looks_up(node: ast.Call, vendor: str) -> bool:
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    return getattr(owner, "id", "") == "registry" and _says(node.args[0], vendor)


@pytest.mark.parametrize("vendor", VENDORS)
def test_python_outside_its_module_does_not_work_with_the_vendor(vendor: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in product_files(".py")
        if not is_home(path, vendor)
        for line in uses_as_vendor(path.read_text(), vendor)
    ]
    assert not found


@pytest.mark.parametrize("vendor", VENDORS)
def test_pages_and_scripts_do_not_ask_for_the_vendor(vendor: str) -> None:
    question = re.compile(rf"vendor\s*(?:===?|!==?|\bin\b)\s*[\[(]?\s*[\"']{vendor}[\"']")
    assert not [path for path in product_files(".html", ".js") if question.search(path.read_text())]


def test_a_name_that_means_only_the_vendor_is_written_nowhere_else() -> None:
    names = {vendor: re.compile(rf"\b{vendor}\b", re.IGNORECASE) for vendor in set(VENDORS) - WORDS_OF_THE_PRODUCT}
    found = []
    for path in product_files(".py", ".html", ".js"):
        text = path.read_text()
        found += [(vendor, path) for vendor, name in names.items() if name.search(text) and not is_home(path, vendor)]
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "from worker.providers.email.smtp import SmtpProvider",
        "from worker.providers.email import smtp",
        "import worker.providers.email.smtp",
        "if provider.vendor == 'smtp': pass",
        "if provider.vendor in ('ses', 'smtp'): pass",
        "registry.get('smtp')",
        "match vendor:\n    case 'smtp': pass",
    ],
)
def test_the_search_finds_each_kind_of_use(source: str) -> None:
    assert uses_as_vendor(source, "smtp")


def test_the_search_leaves_other_meanings_alone() -> None:
    assert not uses_as_vendor("blueprint = Blueprint('smtp')\nscheme = 'smtp'\nsettings.get('smtp')", "smtp")
