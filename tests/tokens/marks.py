"""What the tests of marks share: a record with one, answers, a store whose lock is a lease."""

from __future__ import annotations

import attrs

from oauthkit import (
    Mark,
    OAuthError,
    ReauthorizationRequired,
    Record,
    TokenStore,
    UnreachableError,
)
from tokens.grants import KEY, record
from tokens.stores import TestStore

LOST = UnreachableError("hung up", endpoint="https://as.example")
ENDED = ReauthorizationRequired(
    "no", account="", issuer=KEY.issuer, client_id=KEY.client_id, error="invalid_grant", status=400
)


class LeaseStore(TestStore):
    """Its lock runs out, and proves nothing."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self.gate.set()


def said(status: int, error: str = "invalid_response") -> OAuthError:
    """Make what is raised for an answer."""
    return OAuthError("no", error=error, status=status)


async def filled(store: TokenStore, mark: Mark | None = None) -> None:
    """Store a refresh token, with a mark."""
    expired = {"access_token": "t0", "expires_at": 0}
    await store.compare_and_swap(KEY, None, attrs.evolve(record(expired, "r0"), mark=mark))


async def stored(store: TokenStore) -> Record:
    """Return the record."""
    found = await store.load(KEY)
    assert found is not None
    return found
