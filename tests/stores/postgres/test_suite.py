"""The PostgreSQL store keeps the contract, with and without encryption around it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oauthkit import EncryptedStore, PostgresStore, TokenStore
from oauthkit.testing import StoreSuite
from stores.postgres.server import ADDRESS, table_of

pytestmark = [
    pytest.mark.usefixtures("server"),
    pytest.mark.proves(
        "Tokens and stores",
        "PostgreSQL: the contract, with processes",
        rfc=None,
        judge="none but ours",
    ),
]


class TestPostgres(StoreSuite):
    """A table of each test's own."""

    lock_dies_with_holder = True

    def open_store(self, place: Path) -> TokenStore:
        """Open one in a table."""
        return PostgresStore(os.environ[ADDRESS], table=table_of(place))


class TestEncrypted(StoreSuite):
    """Encryption around it."""

    lock_dies_with_holder = True
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

    def open_store(self, place: Path) -> TokenStore:
        """Open one with a key that all processes have."""
        return EncryptedStore(PostgresStore(os.environ[ADDRESS], table=table_of(place)), self.key)
