"""The store in Redis keeps the contract, by itself and with encryption around it."""

from __future__ import annotations

from pathlib import Path

from oauthkit import EncryptedStore, RedisStore, TokenStore
from oauthkit.testing import StoreSuite
from stores.redis.server import the_url


class TestRedis(StoreSuite):
    """A name space for each place; the lock of a dead holder ends with its lease."""

    def open_store(self, place: Path) -> TokenStore:
        """Open another one for the same name space."""
        return RedisStore(the_url(), namespace=place.as_posix())


class TestEncryptedRedis(StoreSuite):
    """The same, encrypted."""

    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

    def open_store(self, place: Path) -> TokenStore:
        """Open one with a key that all processes have."""
        return EncryptedStore(RedisStore(the_url(), namespace=place.as_posix()), self.key)
