"""For anybody's tests: embedded servers, simulators, and laws for declarations."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauthkit.testing import servers
    from oauthkit.testing.laws import Law, LawBrokenError, laws_for
    from oauthkit.testing.simulators import Clock, Simulation, failures, simulate
    from oauthkit.testing.store_suite import StoreSuite
    from oauthkit.testing.suite import ProviderSuite

__all__ = [
    "Clock",
    "Law",
    "LawBrokenError",
    "ProviderSuite",
    "Simulation",
    "StoreSuite",
    "failures",
    "laws_for",
    "servers",
    "simulate",
]

# What needs no more than oauthkit itself must not load Hypothesis: each is imported on first use.
_HOMES = {
    "Clock": "oauthkit.testing.simulators",
    "Law": "oauthkit.testing.laws",
    "LawBrokenError": "oauthkit.testing.laws",
    "ProviderSuite": "oauthkit.testing.suite",
    "Simulation": "oauthkit.testing.simulators",
    "StoreSuite": "oauthkit.testing.store_suite",
    "failures": "oauthkit.testing.simulators",
    "laws_for": "oauthkit.testing.laws",
    "simulate": "oauthkit.testing.simulators",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use; a submodule is one, too."""
    if name == "servers":
        return import_module("oauthkit.testing.servers")
    if name not in _HOMES:
        raise AttributeError(f"module 'oauthkit.testing' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
