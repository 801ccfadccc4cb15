"""Token sources and stores; nothing here talks to a server."""

from oauthkit.tokens.stores import GrantKey, MemoryStore, Record, TokenStore

__all__ = ["GrantKey", "MemoryStore", "Record", "TokenStore"]
