"""`import oauthkit` offers its names: sorted, each loaded on first use, the same to type checkers."""

from __future__ import annotations

import importlib
import inspect

import pytest

import oauthkit
from gates.sources import PACKAGES, imports, parse
from support import fresh


def test_sorted() -> None:
    """The list of public names is sorted and names nothing twice."""
    assert sorted(set(oauthkit.__all__)) == list(oauthkit.__all__)


@pytest.mark.parametrize("name", oauthkit.__all__)
def test_resolves(name: str) -> None:
    """Each public name is there, is documented, and is the same object every time."""
    found = getattr(oauthkit, name)
    assert inspect.getdoc(found)
    assert found is getattr(oauthkit, name)


def test_type_checkers_see_the_same() -> None:
    """The imports for type checkers name each public name, and the object that is loaded for it."""
    tree = parse(PACKAGES["oauthkit"] / "__init__.py")
    typed = [found.target.rpartition(".") for found in imports(tree) if found.type_only]
    ours = {name: module for module, _, name in typed if module.startswith("oauthkit.")}
    assert set(oauthkit.__all__) == set(ours)
    for name, module in ours.items():
        assert getattr(importlib.import_module(module), name) is getattr(oauthkit, name)


def test_dir() -> None:
    """`dir()` shows the names before any of them is loaded, for completion in a prompt."""
    shown = fresh("import oauthkit; print(*dir(oauthkit))").split()
    assert set() == set(oauthkit.__all__) - set(shown)


def test_unknown_name() -> None:
    """A name that is not there is an ordinary `AttributeError`, which names it."""
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(oauthkit, "no_such_name")  # noqa: B009  the checkers would stop the plain form


def test_star() -> None:
    """A star import brings what the list says."""
    code = "from oauthkit import *; import oauthkit; print(set(oauthkit.__all__) - set(dir()))"
    assert "set()" == fresh(code).strip()
