"""The layout of the source tree: every package has its place in the layers and its folder of tests, and no imports form a cycle."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import PackageNotFoundError, metadata

from packaging.specifiers import SpecifierSet

from support import ROOT, TESTS

SOURCE = ROOT / "src/headcount"
MODULES = sorted(SOURCE.rglob("*.py"))


def name_of(path):
    parts = ("headcount", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imported_by(path):
    """Modules of Headcount that a module imports when it is loaded; imports inside functions come later."""
    pending = list(ast.parse(path.read_text()).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in NAMES or node.module in NAMES:
                    yield full if full in NAMES else node.module
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def test_every_top_level_module_and_package_has_its_layer():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")
    placed = {name.strip() for layer in layers["layers"] for name in layer.split("|")}
    present = {
        path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert placed == present - {"__init__", "__main__"}


def test_every_folder_of_modules_is_a_package():
    assert [path.parent for path in MODULES if not (path.parent / "__init__.py").exists()] == []


def test_every_package_has_its_folder_of_tests():
    packages = {path.parent.relative_to(SOURCE) for path in MODULES} - {SOURCE.relative_to(SOURCE)}
    without = [
        str(package)
        for package in packages
        if not any(list((folder / package).rglob("test_*.py")) for folder in (TESTS, TESTS / "system"))
    ]
    assert sorted(without) == []


def test_no_imports_form_a_cycle():
    graph = {name_of(path): set(imported_by(path)) - {name_of(path)} for path in MODULES}
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the modules


def test_every_module_that_the_docs_name_exists():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        (page.name, path)
        for page in pages
        if page.name != "CHANGELOG.md"  # its older entries name what was there at the time
        for path in re.findall(r"`((?:src/headcount/)?[a-z_]+/[a-z0-9_/]+\.py)`", page.read_text())
    }
    assert named
    without = [
        (page, path) for page, path in named if not any((base / path).exists() for base in (ROOT, SOURCE))
    ]
    assert sorted(without) == []


def required_python(pin):
    """Return which Python a pinned package needs, '' if it is not installed in this version."""
    name, version = pin.split("==")
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return ""
    return found["Requires-Python"] or "" if found["Version"] == version else ""


def test_every_pinned_package_supports_the_oldest_python():
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = f"{oldest.removeprefix('>=')}.0"
    pins = [line.split()[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    assert [pin for pin in pins if not SpecifierSet(required_python(pin)).contains(oldest)] == []
