"""Where grants are kept: the store's protocol, its records, and the store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, runtime_checkable
from weakref import WeakValueDictionary

import attrs

from oauthkit.protocol.token import Token

__all__ = ["GrantKey", "MemoryStore", "Record", "TokenStore"]

ScopeAndResource = tuple[str, str]


@attrs.frozen(kw_only=True)
class GrantKey:
    """
    Whose grant a record is: one authorization server, one client, one account.

    *issuer* is the server's issuer identifier (RFC 8414 §2) or, where there is none, its token
    endpoint; two servers never share a record. Scope and resource are no part of it: one refresh
    token must never lie in two records.
    """

    issuer: str
    client_id: str
    account: str = ""


@attrs.frozen(kw_only=True)
class Record:
    """
    One grant as it is stored.

    *access_tokens* are those that were got with the grant, by (scope, resource), both "" where the
    protocol has none; an OAuth 1.0a token lies under ("", ""). *refresh_token* is the grant's own
    (RFC 6749 §6). *version* grows by one with every change.
    """

    access_tokens: Mapping[ScopeAndResource, Token] = attrs.field(
        factory=dict[ScopeAndResource, Token], repr=False
    )
    refresh_token: str | None = attrs.field(default=None, repr=False)
    version: int = 1


@runtime_checkable
class TokenStore(Protocol):
    """
    Keeps records by key, for one process or many; the object is hashable by identity.

    A store blocks no event loop and raises whatever its back end raises: a failure reaches every
    caller that waits for it, and nothing is kept of it.
    """

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        ...

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """
        Store *record* if the stored version is *expected* (None: if there is no record).

        Returns whether it was stored. The caller sets ``record.version``.
        """
        ...

    def lock(self, key: GrantKey) -> AbstractAsyncContextManager[None]:
        """Hold the only lock on *key* for as long as the context lasts."""
        ...

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*, if there is one."""
        ...

    def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys of all records."""
        ...


@attrs.define(eq=False)
class MemoryStore:
    """A store in the memory of one process, lost at its exit; what a client uses by default."""

    _records: dict[GrantKey, Record] = attrs.field(
        factory=dict[GrantKey, Record], init=False, repr=False
    )
    _locks: WeakValueDictionary[GrantKey, asyncio.Lock] = attrs.field(
        factory=WeakValueDictionary[GrantKey, asyncio.Lock], init=False, repr=False
    )

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        return self._records.get(key)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*; None: if there is no record."""
        found = self._records.get(key)
        if (found.version if found else None) != expected:
            return False
        self._records[key] = record
        return True

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[None, None]:
        """Hold the only lock on *key*: a lock vanishes with its last holder."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            yield

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*, if there is one."""
        self._records.pop(key, None)

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys of all records, as they are now."""
        for key in tuple(self._records):
            yield key
