"""Token sources and stores; nothing here talks to a server."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from oauthkit.tokens.opening import open_store
from oauthkit.tokens.stores import GrantKey, Held, Mark, MemoryStore, Record, TokenStore

if TYPE_CHECKING:
    from oauthkit.tokens.encryption import EncryptedStore
    from oauthkit.tokens.events import TokenEvent
    from oauthkit.tokens.postgres import PostgresStore
    from oauthkit.tokens.redis import RedisStore
    from oauthkit.tokens.sqlite import SQLiteStore

__all__ = [
    "EncryptedStore",
    "GrantKey",
    "Held",
    "Mark",
    "MemoryStore",
    "PostgresStore",
    "Record",
    "RedisStore",
    "SQLiteStore",
    "TokenEvent",
    "TokenStore",
    "open_store",
]

_HOMES = {
    "EncryptedStore": "encryption",
    "PostgresStore": "postgres",
    "RedisStore": "redis",
    "SQLiteStore": "sqlite",
    "TokenEvent": "events",
}


def __getattr__(name: str) -> object:
    """Load a store on first use: most programs need neither a database nor cryptography."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
