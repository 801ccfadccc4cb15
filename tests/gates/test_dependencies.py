"""The package needs what it declares: nothing more, nothing less, and neither of its rivals."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

from gates.sources import PACKAGES, imports, modules, parse
from support import ROOT, fresh

RIVALS = ("authlib", "joserfc")

# Distributions whose module has another name.
MODULES = {
    "attrs": {"attr", "attrs"},
    "importlib-metadata": {"importlib_metadata"},
    "opentelemetry-api": {"opentelemetry"},
    "pyjwt": {"jwt"},
}
# The extra `testing` is for these rooms, the others for the rest; oauthlib judges where it is
# installed.
TESTING = ("oauthkit.testing",)
ASKED_WHERE_INSTALLED = {"oauthlib"}

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    """Return the names of *requirements*, in lower case."""
    return {re.split(r"[^\w.-]", text, maxsplit=1)[0].lower() for text in requirements}


def third_party(*, testing: bool) -> set[str]:
    """Return the modules of others that the package imports, in the rooms for tests or outside."""
    found = {
        found.partition(".")[0]
        for name, path in modules().items()
        if testing is name.startswith(TESTING)
        for found in [each.target for each in imports(parse(path))] + loaded_by_name(path)
    }
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def loaded_by_name(path: Path) -> list[str]:
    """Return what a module loads by ``import_module("…")``: a driver that has no types."""
    return [
        call.args[0].value
        for call in ast.walk(parse(path))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "import_module"
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    ]


def test_what_is_imported_is_what_is_declared() -> None:
    """Each third-party module that is imported has its dependency, and the other way round."""
    project = PYPROJECT["project"]
    core = third_party(testing=False)
    declared = names(project["dependencies"])
    extras = {extra: names(texts) for extra, texts in project["optional-dependencies"].items()}
    testing = extras.pop("testing")
    compare(core, declared.union(*extras.values()))
    compare(third_party(testing=True) - core - ASKED_WHERE_INSTALLED, testing)


def compare(third_party: set[str], declared: set[str]) -> None:
    """Fail for what is imported and not declared, and for what is declared and not imported."""
    expected = {name: MODULES.get(name, {name}) for name in declared}

    assert set() == third_party - set().union(*expected.values()), "imported, not declared"
    assert {} == {k: v for k, v in expected.items() if not v & third_party}, (
        "declared, not imported"
    )


def test_rivals_are_not_required() -> None:
    """Neither authlib nor joserfc is a dependency; only the benchmark's own group may name them."""
    project = PYPROJECT["project"]
    groups = {
        name: group for name, group in PYPROJECT["dependency-groups"].items() if name != "bench"
    }
    required = list(project["dependencies"])
    for extra in project.get("optional-dependencies", {}).values():
        required += extra
    for group in groups.values():
        required += [entry for entry in group if isinstance(entry, str)]
        assert {"include-group": "bench"} not in group
    assert set() == names(required) & set(RIVALS)


def test_rivals_are_not_imported() -> None:
    """No file of package, providers, docs or tests imports one, but for the benchmark's."""
    bench = ROOT / "tests" / "bench"
    files = [*modules().values(), ROOT / "noxfile.py", *(ROOT / "docs").rglob("*.py")]
    files += [path for path in (ROOT / "tests").rglob("*.py") if bench not in path.parents]
    wrong = [
        f"{path}:{found.line}: {found.target}"
        for path in files
        for found in imports(parse(path))
        if found.target.partition(".")[0] in RIVALS
    ]
    assert [] == wrong


def test_everything_imports_without_rivals() -> None:
    """Every module of both packages imports where neither rival can be imported."""
    code = """
import importlib, sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None
for name in sys.argv[2:]:
    importlib.import_module(name)
"""
    runnable = [name for name in modules() if not name.endswith("__main__")]
    fresh(code, ",".join(RIVALS), *runnable)
