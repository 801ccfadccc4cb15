"""`oauthkit.testing` offers its names: each loaded on first use, the same to type checkers."""

from __future__ import annotations

import importlib
import inspect

import pytest

import oauthkit.testing
from gates.sources import PACKAGES, imports, parse
from support import fresh


@pytest.mark.parametrize("name", oauthkit.testing.__all__)
def test_resolves(name: str) -> None:
    """Each public name is there, is documented, and is the same object every time."""
    found = getattr(oauthkit.testing, name)
    assert inspect.getdoc(found)
    assert found is getattr(oauthkit.testing, name)


def test_type_checkers_see_the_same() -> None:
    """The imports for type checkers name each public name, and the object that is loaded for it."""
    tree = parse(PACKAGES["oauthkit"] / "testing/__init__.py")
    typed = [found.target.rpartition(".") for found in imports(tree) if found.type_only]
    assert sorted(oauthkit.testing.__all__) == sorted(name for _, _, name in typed)
    for module, _, name in typed:
        assert getattr(importlib.import_module(module), name) is getattr(oauthkit.testing, name)


def test_nothing_is_loaded_before_it_is_used() -> None:
    """The names are listed at once; what they need comes with the first use."""
    shown = fresh(
        "import sys, oauthkit.testing as t\n"
        "print(set(t.__all__) - set(dir(t)), [n for n in sys.modules if 'oauthkit.testing.' in n])"
    )
    assert "set() []" == shown.strip()


def test_unknown_name() -> None:
    """A name that is not there is an ordinary `AttributeError`, which names it."""
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(oauthkit.testing, "no_such_name")  # noqa: B009  the checkers would stop the plain form
