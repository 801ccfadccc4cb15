"""Declarations: a provider is data, checked when it is made; each kind is loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauthkit.provider.assertion import AssertionProvider
    from oauthkit.provider.base import AnyProvider as AnyProvider
    from oauthkit.provider.base import Provider
    from oauthkit.provider.oauth1 import OAuth1Provider
    from oauthkit.provider.oauth2 import OAuth2Provider, OAuth2Template

__all__ = ["AssertionProvider", "OAuth1Provider", "OAuth2Provider", "OAuth2Template", "Provider"]

_HOMES = {
    "AssertionProvider": "assertion",
    "OAuth1Provider": "oauth1",
    "OAuth2Provider": "oauth2",
    "OAuth2Template": "oauth2",
    "Provider": "base",
}


def __getattr__(name: str) -> object:
    """Load a kind on first use (PEP 562): who speaks one protocol does not pay for three."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
