"""First-party names, as type checkers know them, are those that pyproject.toml registers."""

from __future__ import annotations

import tomllib
import typing

from oauthkit import Registry
from oauthkit_providers import names
from support import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENTRY_POINTS: dict[str, str] = PYPROJECT["project"]["entry-points"]["oauthkit.providers"]


def test_literals_are_the_entry_points() -> None:
    """Each first-party provider is in exactly one Literal, and nothing else is in any."""
    literals = [
        value for value in vars(names).values() if typing.get_origin(value) is typing.Literal
    ]
    listed = [name for literal in literals for name in typing.get_args(literal)]
    assert sorted(ENTRY_POINTS) == sorted(listed)


def test_each_is_found_under_its_name() -> None:
    """Ordinary discovery finds each of them, shipped by this distribution."""
    registry = Registry()
    found = {entry.name: entry for entry in registry.entries()}
    for name in ENTRY_POINTS:
        assert name == registry.get(name).name
        assert ("oauthkit", "ok") == (found[name].distribution, found[name].status)
