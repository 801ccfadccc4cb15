"""
The laws of the conformance kit, by what they are about.

Those that look at a declaration alone are there without Hypothesis; the others draw with it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from oauthkit import Provider
from oauthkit.testing.laws import static
from oauthkit.testing.laws.law import Law, laws_in
from oauthkit.testing.laws.subject import LawBrokenError, Subject

__all__ = ["LAWS", "STATIC_LAWS", "Law", "LawBrokenError", "Subject", "laws_for"]

# In the order in which the suite runs them.
_MODULES = (
    *("static", "base_string", "oauth1"),
    *("oauth2_authorization", "oauth2_callback", "oauth2_tokens", "oauth2_answers", "assertion"),
    *("fence", "secrets"),
)

STATIC_LAWS: tuple[Law, ...] = laws_in(static.__name__)
"""The laws that draw nothing and send nothing."""

if TYPE_CHECKING:
    LAWS: tuple[Law, ...]
    """Every law, in the order in which the suite runs them."""


def __getattr__(name: str) -> object:
    """Collect ``LAWS`` on first use (PEP 562): that needs Hypothesis."""
    if name != "LAWS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _collect()


@cache
def _collect() -> tuple[Law, ...]:
    try:
        import_module("hypothesis")
    except ImportError:
        raise ImportError(
            "the laws draw their examples with Hypothesis: pip install 'oauthkit[testing]'",
            name="hypothesis",
        ) from None
    modules = [import_module(f"{__name__}.{name}") for name in _MODULES]
    return tuple(law for module in modules for law in laws_in(module.__name__))


def laws_for(provider: Provider[Any]) -> tuple[Law, ...]:
    """Return the laws that are about declarations like *provider*."""
    return tuple(law for law in _collect() if law.applies(provider))
