"""Where grants are kept: the store's protocol, its records, and the store in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar, Protocol, Self, cast, runtime_checkable
from weakref import WeakValueDictionary

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.token import Token

__all__ = [
    "SEALED",
    "GrantKey",
    "Held",
    "Mark",
    "MemoryStore",
    "Record",
    "TokenStore",
    "no_identity",
    "open_memory",
    "refuse_sealed",
]

ScopeAndResource = tuple[str, str]

SEALED = "encrypted"
"""The one member of a token that stands for an encrypted record."""


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

    def to_json(self) -> str:
        """Return the key as JSON in ASCII: the same text for the same key, no other key's."""
        return json.dumps([self.issuer, self.client_id, self.account])

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the key that ``to_json()`` gave; raises ValueError for any other text."""
        match _read_json(text):
            case [str(issuer), str(client_id), str(account)]:
                return cls(issuer=issuer, client_id=client_id, account=account)
            case _:
                raise ValueError("not the key of a grant")


@attrs.frozen(kw_only=True)
class Mark:
    """
    Says that a refresh token is being spent: the one whose SHA-256 is *digest*.

    *holder* names who sends it, and nobody else; "" where nobody does any more, and nobody waits
    for an answer. *since* is when it was first about to be sent (seconds since the epoch). *epoch*
    is what the lock said of itself then, see `Held`. *lost*: an answer to it has got lost. *final*:
    it is not to be sent any more; only the user can help.
    """

    digest: str = attrs.field(repr=False)
    holder: str
    since: float
    epoch: str = ""
    lost: bool = False
    final: bool = False

    @classmethod
    def of(cls, refresh_token: str, holder: str, since: float, epoch: str = "") -> Self:
        """Mark *refresh_token*, before it is sent for the first time."""
        return cls(digest=_digest(refresh_token), holder=holder, since=since, epoch=epoch)

    def is_of(self, refresh_token: str) -> bool:
        """Tell whether it is this refresh token that is being spent."""
        return self.digest == _digest(refresh_token)


def _digest(refresh_token: str) -> str:
    return hashlib.sha256(refresh_token.encode(errors="surrogatepass")).hexdigest()


@attrs.frozen(kw_only=True)
class Record:
    """
    One grant as it is stored.

    *access_tokens* are those that were got with the grant, by (scope, resource), both "" where the
    protocol has none; an OAuth 1.0a token lies under ("", ""). *refresh_token* is the grant's own
    (RFC 6749 §6). *version* grows by one with every change. *mark* says of a refresh token that it
    is being spent, or that it was and nobody knows what came of it.
    """

    access_tokens: Mapping[ScopeAndResource, Token] = attrs.field(
        factory=dict[ScopeAndResource, Token], repr=False
    )
    refresh_token: str | None = attrs.field(default=None, repr=False)
    version: int = 1
    mark: Mark | None = None

    def to_json(self) -> str:
        """
        Return the record as JSON in ASCII, with every member of its tokens; it is secret.

        Raises TypeError for a member that JSON has no value for.
        """
        tokens = [[*slot, dict(token)] for slot, token in self.access_tokens.items()]
        members: dict[str, Any] = {
            "access_tokens": tokens,
            "refresh_token": self.refresh_token,
            "version": self.version,
        }
        if self.mark is not None:
            members["mark"] = attrs.asdict(self.mark)
        return json.dumps(members)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """
        Return the record that ``to_json()`` gave.

        Raises ValueError, without any of the text, for what is none.
        """
        match _read_json(text):
            case {
                "access_tokens": [*listed],
                "refresh_token": str() | None as refresh_token,
                "version": int(version),
                **others,
            }:
                tokens = dict(map(_read_slot, listed))
                return cls(
                    access_tokens=tokens,
                    refresh_token=refresh_token,
                    version=version,
                    mark=_read_mark(others.get("mark")),
                )
            case _:
                raise ValueError("not the record of a grant")


def _read_mark(found: Any) -> Mark | None:
    match found:
        case None:
            return None
        case {
            "digest": str(digest),
            "holder": str(holder),
            "since": int() | float() as since,
            "epoch": str(epoch),
            "lost": bool(lost),
            "final": bool(final),
        }:
            return Mark(
                digest=digest, holder=holder, since=since, epoch=epoch, lost=lost, final=final
            )
        case _:
            raise ValueError("not the record of a grant")


def _read_slot(entry: Any) -> tuple[ScopeAndResource, Token]:
    match entry:
        case [str(scope), str(resource), {**members}]:
            return (scope, resource), Token(cast("Mapping[str, Any]", members))
        case _:
            raise ValueError("not the record of a grant")


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    # Outside of the handler: the decoder's own error holds the text.
    raise ValueError("not JSON")


def no_identity(store: object) -> ConfigurationError:
    """Make the error of a store that cannot be told apart from others."""
    return ConfigurationError(
        "a token store must be hashable by identity and weakly referable; "
        f"{type(store).__name__} is not (with attrs: @attrs.define(eq=False))"
    )


def refuse_sealed(key: GrantKey, record: Record | None) -> None:
    """
    Raise ConfigurationError for what an ``EncryptedStore`` wrote, found by who has no key.

    It looks like a grant without a token: whoever took it for one would overwrite it.
    """
    if record is None:
        return
    for token in record.access_tokens.values():
        if SEALED in token and "access_token" not in token:
            raise ConfigurationError(
                f"the stored record of {key!r} is encrypted, and was left as it is: pass the "
                "encryption_key=… that it was written with"
            )


class Held(Protocol):
    """
    What a store may give to who holds its lock: fewer steps for a refresh, and what the lock knows.

    *record* is what was stored when the lock was taken; it spares the first ``load()``. *epoch*
    names the life of the locks themselves, where they can end before their holders do: it is kept
    in marks, and a lock proves nothing about who marked in another epoch (a database server that
    was started anew has forgotten its locks).
    """

    @property
    def record(self) -> Record | None:
        """The record that was stored when the lock was taken."""
        ...

    @property
    def epoch(self) -> str:
        """Which life of the locks this one is of; "" where they have but one."""
        ...

    def remaining(self) -> float:
        """Return for how long (seconds) the lock is ours at least; infinity for a lock for good."""
        ...

    async def mark(self, expected: int | None, record: Record) -> bool:
        """
        Store *record* as ``compare_and_swap()`` does, but only while the lock is still ours.

        A lease begins anew. Returns False where another record, or another holder, is there.
        """
        ...

    async def finish(self, expected: int | None, record: Record) -> bool:
        """
        Store *record* as ``compare_and_swap()`` does, and free the lock if that could be done.

        It is stored whoever holds the lock by now: it is newer than what it is stored over.
        """
        ...


@runtime_checkable
class TokenStore(Protocol):
    """
    Keeps records by key, for one process or many; the object is hashable by identity.

    A store blocks no event loop and raises whatever its back end raises: a failure reaches every
    caller that waits for it, and nothing is kept of it.

    A store may have an attribute *lock_proves_death*, True: whoever holds the lock knows that
    nobody who held it before goes on with what he did under it. That is so where a lock is freed by
    its holder and by his death alone. A lock that can run out (a lease) proves nothing, and neither
    does a store without the attribute. A store whose lock is a lease has an attribute *lease*, its
    length in seconds.
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

    def lock(self, key: GrantKey) -> AbstractAsyncContextManager[Held | None]:
        """Hold the only lock on *key* for as long as the context lasts; it may give a `Held`."""
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

    lock_proves_death: ClassVar[bool] = True

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


_NAMED: WeakValueDictionary[str, MemoryStore] = WeakValueDictionary()
_GUARD = threading.Lock()


def open_memory(url: str) -> MemoryStore:
    """
    Open the store of ``memory://`` or ``memory://name``: one for all threads of the process.

    A store of each thread would let two of them spend one refresh token.
    """
    if any(character in url for character in "?#@"):
        raise ConfigurationError("expected memory:// or memory://name, and no more")
    with _GUARD:
        store = _NAMED.get(url)
        if store is None:
            store = _NAMED[url] = MemoryStore()
        return store
