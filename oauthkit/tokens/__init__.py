"""Token sources and stores; nothing here talks to a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oauthkit.tokens.opening import open_store
from oauthkit.tokens.stores import GrantKey, MemoryStore, Record, TokenStore

if TYPE_CHECKING:
    from oauthkit.tokens.sqlite import SQLiteStore

__all__ = ["GrantKey", "MemoryStore", "Record", "SQLiteStore", "TokenStore", "open_store"]


def __getattr__(name: str) -> object:
    """Import the SQLite store on first use: most programs need no sqlite3."""
    if name != "SQLiteStore":
        raise AttributeError(f"module 'oauthkit.tokens' has no attribute {name!r}")
    from oauthkit.tokens.sqlite import SQLiteStore

    return SQLiteStore
