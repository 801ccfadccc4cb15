"""Names that nothing is installed under."""

from __future__ import annotations

import importlib
import sys

import pytest

from oauthkit.errors import ConfigurationError
from oauthkit.registry import Registry
from registry.distributions import METADATA, Site, refusal


def test_an_unknown_name_gets_the_installed_ones_and_the_nearest(site: Site) -> None:
    """And how a provider gets installed, without a package's name that nobody checked."""
    points = {"acme": "acme_mod:provider", "other": "other_mod:provider"}
    site.install("acme-kit", "1.0", points)
    error = refusal(lambda: Registry().get("Acmee"))
    assert "unknown" == error.reason
    assert {"acme", "other"} <= set(error.candidates)
    lines = str(error).splitlines()
    assert "there is no provider 'Acmee'; did you mean 'acme'?" == lines[0]
    assert lines[1].startswith("  installed: acme, ")
    assert ", other" in lines[1]
    assert "a package that declares it in the group 'oauthkit.providers'" in lines[2]
    assert "pass a declaration in place of the name" in lines[3]
    assert "pip install" not in str(error)


def test_long_lists_and_names_are_cut(site: Site) -> None:
    """The error has all names; its text has twenty. What is too long for a name may be a secret."""
    site.install("acme-many", "1.0", {f"acme-{number:03}": "x:y" for number in range(100)})
    registry = Registry()
    error = refusal(lambda: registry.get("qqq"))
    assert "acme-019 and " in str(error)
    assert "acme-020" not in str(error)
    assert {f"acme-{number:03}" for number in range(100)} <= set(error.candidates)
    assert "did you mean" not in str(error)
    error = refusal(lambda: registry.get("s3cr3t" * 20))
    assert "s3cr3t" not in str(error)


def test_with_nothing_installed_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list reads as one."""
    for module in (METADATA, "difflib"):
        importlib.import_module(module)  # before there is nowhere to find them
    monkeypatch.setattr(sys, "path", [])
    assert "installed: none" in str(refusal(lambda: Registry().get("acme")))


@pytest.mark.parametrize("name", [None, 3, b"acme", ["acme"], {"name": "acme"}])
def test_names_are_text(name: object) -> None:
    """Whatever else is asked for, hashable or not, is told so."""
    with pytest.raises(ConfigurationError, match=f"text, not {type(name).__name__}"):
        Registry().get(name)  # type: ignore[arg-type]
