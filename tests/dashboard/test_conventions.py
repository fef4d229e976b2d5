"""Rules of the house that no tool knows: sizes, one place that commits, words that may not appear; no exceptions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("dashboard", "worker")
FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES, VIEW_LINES, TEMPLATE_LINES = 400, 600, 50, 25, 120
ROUTE_DECORATORS = {"get", "post", "put", "patch", "delete", "route"}
#: Hosts that may stand in our text: those reserved for examples (RFC 2606, 6761), this machine, XML's namespaces.
OWN_HOSTS = re.compile(
    r"(.*\.)?(example(\.(com|org|net))?|test|invalid|localhost)|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|www\.w3\.org|host"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def templates() -> list[Path]:
    return sorted((ROOT / "dashboard" / "templates").rglob("*.html"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, Function):
            yield node


def line_count(path: Path) -> int:
    return len(path.read_text().splitlines())


def length(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def is_view(node: Function) -> bool:
    calls = [decorator.func for decorator in node.decorator_list if isinstance(decorator, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in ROUTE_DECORATORS for call in calls)


def is_bench(path: Path) -> bool:
    return name_of(path).startswith("tests/bench/")


def test_files_are_short_enough_to_read() -> None:
    long = [path for path in python_files(*CODE) if line_count(path) > FILE_LINES]
    long += [path for path in python_files("tests") if line_count(path) > TEST_FILE_LINES and not is_bench(path)]
    long += [path for path in templates() if line_count(path) > TEMPLATE_LINES]
    assert [f"{name_of(path)}: {line_count(path)} lines" for path in long] == []


def test_functions_are_short_enough_to_read() -> None:
    long = [
        f"{name_of(path)}: {node.name} has {length(node)} lines"
        for path in python_files(*CODE, "tests")
        if not is_bench(path)
        for node in functions(path)
        if length(node) > (VIEW_LINES if is_view(node) else FUNCTION_LINES)
    ]
    assert long == []


def test_views_are_found_by_the_rule_above() -> None:
    views = [node for path in python_files("dashboard") for node in functions(path) if is_view(node)]
    assert len(views) > 40


def test_every_function_says_what_it_returns() -> None:
    silent = [
        f"{name_of(path)}: {node.name}"
        for path in python_files(*CODE)
        for node in functions(path)
        if node.returns is None
    ]
    assert silent == []


def test_one_module_commits() -> None:
    committing = {
        name_of(path)
        for path in python_files(*CODE)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }
    assert committing == {"dashboard/extensions.py"}


def test_only_the_command_line_prints() -> None:
    printing = {
        name_of(path)
        for path in python_files(*CODE)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert {name for name in printing if not name.endswith("cli.py")} == set()


@pytest.mark.parametrize("pattern", ["dashboard/*/services.py", "worker/actors/*.py", "worker/providers/**/*.py"])
def test_what_others_call_is_explained(pattern: str) -> None:
    paths = sorted(ROOT.glob(pattern))
    assert paths, "the pattern finds nothing: it is out of date"
    unexplained = [
        f"{name_of(path)}: {node.name}"
        for path in paths
        for node in tree_of(path).body
        if isinstance(node, (*Function.__args__, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert unexplained == []


def test_every_module_says_what_it_is_about() -> None:
    silent = [
        name_of(path) for path in python_files(*CODE) if tree_of(path).body and not ast.get_docstring(tree_of(path))
    ]
    assert silent == []


def test_modules_are_named_after_what_they_hold() -> None:
    vague = {"utils", "helpers", "common", "constants", "misc", "lib", "base_utils"}
    assert [name_of(path) for path in python_files(*CODE, "tests") if path.stem in vague] == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    paths = [*python_files(*CODE, "tests"), *templates(), *(ROOT / "static" / "js").rglob("*.js")]
    assert [name_of(path) for path in paths if path != Path(__file__) and later.search(path.read_text())] == []


def test_no_test_is_skipped() -> None:
    """Where a program of the machine is missing a test may skip, if the same function fails instead under CI."""
    skipping = {"skip", "skipif", "xfail", "importorskip", "skipTest"}
    for path in python_files("tests"):
        skips = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute) and node.attr in skipping]
        excused = [
            skip for node in functions(path) if "fail" in _attributes(node) for skip in ast.walk(node) if skip in skips
        ]
        assert len(skips) == len(excused), f"{name_of(path)} skips without failing under CI"


def _attributes(node: ast.AST) -> set[str]:
    return {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def test_addresses_of_vendors_stand_in_their_adapters_alone() -> None:
    paths = [path for path in python_files(*CODE) if not name_of(path).startswith("worker/providers/")]
    paths += [*templates(), *(ROOT / "static").rglob("*.css"), *(ROOT / "static" / "js").rglob("*.js")]
    foreign = [
        f"{name_of(path)}: {host}"
        for path in paths
        if "static/vendor" not in name_of(path)
        for host in re.findall(r"https?://(\[[0-9a-f:]+\]|[a-zA-Z0-9.-]*[a-zA-Z0-9])", path.read_text())
        if not OWN_HOSTS.fullmatch(host.lower())
    ]
    assert foreign == []


def test_migrations_are_numbered_in_their_order() -> None:
    names = sorted(path.name for path in (ROOT / "migrations" / "versions").glob("*.py"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for number, name in enumerate(names, start=1):
        text = (ROOT / "migrations" / "versions" / name).read_text()
        previous = None if number == 1 else f"{number - 1:04}"
        found = re.search(r"^down_revision(?:: [^=]+)? = (.+)$", text, re.MULTILINE)
        assert found is not None
        assert ast.literal_eval(found[1]) == previous, name
