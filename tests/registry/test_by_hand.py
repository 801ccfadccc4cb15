"""Providers that are registered by hand."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from oauthkit.errors import ConfigurationError
from oauthkit.provider import OAuth1Provider
from oauthkit.registry import Registry
from registry.distributions import Site, declaration, entry, made, refusal


def test_what_is_registered_comes_first(site: Site) -> None:
    """Before the installed one of its name, also when that was loaded already."""
    site.install(
        "acme-kit", "1.0", {"acme": "acme_mod:provider"}, {"acme_mod": declaration("acme")}
    )
    registry = Registry()
    installed = registry.get("acme")
    mine = made("acme", "Mine")
    registry.register(mine)
    assert mine is registry.get("acme")
    assert installed is not registry.get("acme")
    registry.prefer("acme", "acme-kit")
    registry.refresh()
    assert mine is registry.get("acme")
    assert "Mine" == entry(registry, "acme").title


def test_another_of_the_same_name_is_refused() -> None:
    """Unless it is to replace the first; the same one again is no other."""
    registry = Registry()
    registry.register(made("acme"))
    registry.register(made("acme"))
    error = refusal(lambda: registry.register(made("acme", "Other")))
    assert "replace=True" in str(error)
    registry.register(made("acme", "Other"), replace=True)
    assert "Other" == registry.get("acme").title


@pytest.mark.parametrize("value", ["acme", None, OAuth1Provider, {"name": "acme"}])
def test_only_providers_are_registered(value: object) -> None:
    """A name, a class or a mapping is no declaration."""
    with pytest.raises(ConfigurationError, match="expected a declaration"):
        Registry().register(value)  # type: ignore[arg-type]


def test_a_plugin_may_use_the_registry_while_it_is_loaded(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may ask for another, register itself, or refresh; nobody waits for himself."""
    registry = Registry()
    hook = SimpleNamespace(registry=registry)
    monkeypatch.setitem(sys.modules, "registry_hook", hook)
    preamble = "from registry_hook import registry\n"
    modules = {
        "acme_mod": declaration("acme"),
        "asking": f"{preamble}registry.get('acme')\n{declaration('asking')}",
        "registering": f"{preamble}{declaration('registering')}registry.register(provider)\n",
        "refreshing": f"{preamble}registry.refresh()\n{declaration('refreshing')}",
    }
    points = {name.removesuffix("_mod"): f"{name}:provider" for name in modules}
    site.install("acme-kit", "1.0", points, modules)
    for name in points:
        assert name == registry.get(name).name
    assert None is entry(registry, "registering").distribution
