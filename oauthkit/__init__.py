"""OAuth 1.0a, OAuth 2 and service accounts for asyncio, on aiohttp. Providers are plugins."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauthkit.clients import (
        AsyncAssertionClient,
        AsyncOAuth1Client,
        AsyncOAuth2Client,
        Client,
        OAuthRequest,
    )
    from oauthkit.connecting import connect
    from oauthkit.credentials import AssertionCredentials, OAuth1Credentials, OAuth2Credentials
    from oauthkit.errors import (
        CallbackError,
        ConfigurationError,
        CredentialsError,
        DeclarationError,
        ForeignOriginError,
        LoopError,
        OAuthError,
        OAuthKitError,
        ReauthorizationRequired,
        RegistryError,
        RequestError,
        UnreachableError,
    )
    from oauthkit.protocol.authorization_request import AuthorizationRequest
    from oauthkit.protocol.token import Token
    from oauthkit.provider import (
        AssertionProvider,
        OAuth1Provider,
        OAuth2Provider,
        OAuth2Template,
        Provider,
    )
    from oauthkit.registry import ProviderEntry, Registry, default_registry
    from oauthkit.tokens import (
        EncryptedStore,
        GrantKey,
        Held,
        Mark,
        MemoryStore,
        PostgresStore,
        Record,
        RedisStore,
        SQLiteStore,
        TokenEvent,
        TokenStore,
        open_store,
    )

__all__ = [
    "AssertionCredentials",
    "AssertionProvider",
    "AsyncAssertionClient",
    "AsyncOAuth1Client",
    "AsyncOAuth2Client",
    "AuthorizationRequest",
    "CallbackError",
    "Client",
    "ConfigurationError",
    "CredentialsError",
    "DeclarationError",
    "EncryptedStore",
    "ForeignOriginError",
    "GrantKey",
    "Held",
    "LoopError",
    "Mark",
    "MemoryStore",
    "OAuth1Credentials",
    "OAuth1Provider",
    "OAuth2Credentials",
    "OAuth2Provider",
    "OAuth2Template",
    "OAuthError",
    "OAuthKitError",
    "OAuthRequest",
    "PostgresStore",
    "Provider",
    "ProviderEntry",
    "ReauthorizationRequired",
    "Record",
    "RedisStore",
    "Registry",
    "RegistryError",
    "RequestError",
    "SQLiteStore",
    "Token",
    "TokenEvent",
    "TokenStore",
    "UnreachableError",
    "connect",
    "default_registry",
    "open_store",
]

_HOMES = {
    "AssertionCredentials": "oauthkit.credentials",
    "AssertionProvider": "oauthkit.provider",
    "AsyncAssertionClient": "oauthkit.clients",
    "AsyncOAuth1Client": "oauthkit.clients",
    "AsyncOAuth2Client": "oauthkit.clients",
    "AuthorizationRequest": "oauthkit.protocol.authorization_request",
    "Client": "oauthkit.clients",
    "EncryptedStore": "oauthkit.tokens",
    "GrantKey": "oauthkit.tokens",
    "Held": "oauthkit.tokens",
    "Mark": "oauthkit.tokens",
    "MemoryStore": "oauthkit.tokens",
    "OAuth1Credentials": "oauthkit.credentials",
    "OAuth1Provider": "oauthkit.provider",
    "OAuth2Credentials": "oauthkit.credentials",
    "OAuth2Provider": "oauthkit.provider",
    "OAuth2Template": "oauthkit.provider",
    "OAuthRequest": "oauthkit.clients",
    "PostgresStore": "oauthkit.tokens",
    "Provider": "oauthkit.provider",
    "ProviderEntry": "oauthkit.registry",
    "Record": "oauthkit.tokens",
    "RedisStore": "oauthkit.tokens",
    "Registry": "oauthkit.registry",
    "SQLiteStore": "oauthkit.tokens",
    "Token": "oauthkit.protocol.token",
    "TokenEvent": "oauthkit.tokens",
    "TokenStore": "oauthkit.tokens",
    "connect": "oauthkit.connecting",
    "default_registry": "oauthkit.registry",
    "open_store": "oauthkit.tokens",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'oauthkit' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "oauthkit.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
