"""The first-party stores keep the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from oauthkit import EncryptedStore, SQLiteStore, TokenStore, open_store
from oauthkit.testing import StoreSuite

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "every store keeps the contract, with processes",
    rfc=None,
    judge="none but ours",
)


class TestMemory(StoreSuite):
    """The store in memory: one process."""

    processes = False

    def open_store(self, place: Path) -> TokenStore:
        """Open one by a name."""
        return open_store(f"memory://{place.as_posix()}")


class TestEncrypted(StoreSuite):
    """Encryption around the store in a file."""

    lock_dies_with_holder = True
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

    def open_store(self, place: Path) -> TokenStore:
        """Open one with a key that all processes have."""
        return EncryptedStore(SQLiteStore(place), self.key)


class TestSQLite(StoreSuite):
    """The store in a file: one machine."""

    lock_dies_with_holder = True

    def open_store(self, place: Path) -> TokenStore:
        """Open another one for the same file: a URL would give the same object."""
        return SQLiteStore(place)
