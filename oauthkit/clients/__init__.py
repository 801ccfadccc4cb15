"""What users hold: the async clients, each loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauthkit.clients.assertion import AsyncAssertionClient
    from oauthkit.clients.base import Client, OAuthRequest
    from oauthkit.clients.oauth1 import AsyncOAuth1Client
    from oauthkit.clients.oauth2 import AsyncOAuth2Client
    from oauthkit.clients.requests import PendingRequest

__all__ = [
    "AsyncAssertionClient",
    "AsyncOAuth1Client",
    "AsyncOAuth2Client",
    "Client",
    "OAuthRequest",
    "PendingRequest",
]

_HOMES = {
    "AsyncAssertionClient": "assertion",
    "AsyncOAuth1Client": "oauth1",
    "AsyncOAuth2Client": "oauth2",
    "Client": "base",
    "OAuthRequest": "base",
    "PendingRequest": "requests",
}


def __getattr__(name: str) -> object:
    """Load a client on first use (PEP 562): who speaks one protocol does not pay for three."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
