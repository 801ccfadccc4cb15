"""Encryption at rest, around any store: Fernet, with keys that can be replaced."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from cryptography.fernet import InvalidToken, MultiFernet

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.token import Token
from oauthkit.tokens.keys import KeySource, make_key_source
from oauthkit.tokens.stores import SEALED, GrantKey, Held, Record, TokenStore

__all__ = ["EncryptedStore"]

_SLOT = ("", "")


@attrs.define(eq=False)
class EncryptedStore:
    """
    Keep grants in *store*, encrypted and authenticated; their keys and versions are in the clear.

    *keys* are one, or several, as ``cryptography.fernet.Fernet.generate_key()`` gives them: the
    first one encrypts, each decrypts. ``keyring:service/username`` in place of one is the password
    of that name in the system's keyring (``oauthkit[keyring]``), which is asked when the store is
    first used, in a thread; ConfigurationError says what it does not give.

    A record's own key and version are encrypted with it, and compared: a record that was put under
    another key is refused, and so is an old one under a new version. A record that is not encrypted
    is refused, too.
    """

    store: TokenStore
    _keys: KeySource = attrs.field(converter=make_key_source, repr=False, alias="keys")

    @property
    def lock_proves_death(self) -> bool:
        """Whether the lock of the store that it is around does."""
        return bool(getattr(self.store, "lock_proves_death", False))

    @property
    def lease(self) -> float | None:
        """The lease (seconds) of the store that it is around, where its lock is one."""
        return getattr(self.store, "lease", None)

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None; raises ConfigurationError for a forged one."""
        ring = await self._keys.ring()
        return _unseal(ring, key, await self.store.load(key))

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*; None: if there is no record."""
        sealed = _seal(await self._keys.ring(), key, record)
        return await self.store.compare_and_swap(key, expected, sealed)

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[Held | None, None]:
        """Hold the only lock on *key*."""
        # First: a keyring may ask the user, and nobody is to wait for a lock meanwhile.
        ring = await self._keys.ring()
        async with self.store.lock(key) as held:
            yield None if held is None else _Held(ring, key, held)

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*, if there is one."""
        await self.store.delete(key)

    def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys of all records."""
        return self.store.iterate()

    async def rotate(self) -> None:
        """
        Encrypt every record with the first key: then the others can go.

        Records that programs write meanwhile are theirs; they need the new key first, too.
        """
        async for key in self.iterate():
            record = await self.load(key)
            while record is not None:
                following = attrs.evolve(record, version=record.version + 1)
                if await self.compare_and_swap(key, record.version, following):
                    break
                record = await self.load(key)

    async def close(self) -> None:
        """Close the store that it is around, where that can be closed."""
        close: Any = getattr(self.store, "close", None)
        if close is not None:
            await close()


@attrs.frozen(eq=False)
class _Held:
    """What the inner store gives to who holds its lock, with its records opened and sealed."""

    _ring: MultiFernet
    _key: GrantKey
    _inner: Held

    @property
    def record(self) -> Record | None:
        return _unseal(self._ring, self._key, self._inner.record)

    @property
    def epoch(self) -> str:
        return self._inner.epoch

    def remaining(self) -> float:
        return self._inner.remaining()

    async def mark(self, expected: int | None, record: Record) -> bool:
        return await self._inner.mark(expected, _seal(self._ring, self._key, record))

    async def finish(self, expected: int | None, record: Record) -> bool:
        return await self._inner.finish(expected, _seal(self._ring, self._key, record))


def _seal(ring: MultiFernet, key: GrantKey, record: Record) -> Record:
    text = json.dumps([key.to_json(), record.to_json()])
    sealed = Token({SEALED: ring.encrypt(text.encode()).decode()})
    return Record(access_tokens={_SLOT: sealed}, version=record.version)


def _unseal(ring: MultiFernet, key: GrantKey, found: Record | None) -> Record | None:
    if found is None:
        return None
    sealed = found.access_tokens.get(_SLOT, Token()).get(SEALED)
    if not isinstance(sealed, str) or found.refresh_token is not None:
        raise _refused(key, "it is not encrypted")
    opened = _open(ring, sealed)
    if opened is None:
        raise _refused(key, "it was encrypted with another key, or changed")
    whose, record = opened
    if whose != key or record.version != found.version:
        raise _refused(key, "it was written for another key or version")
    return record


def _open(ring: MultiFernet, sealed: str) -> tuple[GrantKey, Record] | None:
    try:
        whose, record = json.loads(ring.decrypt(sealed.encode()))
        return GrantKey.from_json(whose), Record.from_json(record)
    except (InvalidToken, ValueError):
        return None


def _refused(key: GrantKey, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the stored record of {key!r} cannot be used: {why}; pass the encryption_key that it was "
        "written with, or delete it and have the user log in again"
    )
