"""Encryption at rest, around any store: Fernet, with keys that can be replaced."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from oauthkit.errors import ConfigurationError
from oauthkit.protocol.token import Token
from oauthkit.tokens.stores import SEALED, GrantKey, Record, TokenStore

__all__ = ["EncryptedStore"]

_SLOT = ("", "")


def _key_ring(keys: str | bytes | Sequence[str | bytes]) -> MultiFernet:
    try:
        given = [keys] if isinstance(keys, (str, bytes)) else list(keys)
        return MultiFernet([Fernet(key) for key in given])
    except (TypeError, ValueError):
        pass
    # Outside of the handler: what was caught there may hold the key.
    raise ConfigurationError(
        "encryption_key: expected a key as Fernet.generate_key() gives it (32 bytes in URL-safe "
        "base64), or a list of them, the newest first"
    )


@attrs.define(eq=False)
class EncryptedStore:
    """
    Keep grants in *store*, encrypted and authenticated; their keys and versions are in the clear.

    *keys* are one, or several, as ``cryptography.fernet.Fernet.generate_key()`` gives them: the
    first one encrypts, each decrypts. A record's own key and version are encrypted with it, and
    compared: a record that was put under another key is refused, and so is an old one under a new
    version. A record that is not encrypted is refused, too.
    """

    store: TokenStore
    _ring: MultiFernet = attrs.field(converter=_key_ring, repr=False, alias="keys")

    @property
    def lock_proves_death(self) -> bool:
        """Whether the lock of the store that it is around does."""
        return bool(getattr(self.store, "lock_proves_death", False))

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None; raises ConfigurationError for a forged one."""
        found = await self.store.load(key)
        if found is None:
            return None
        sealed = found.access_tokens.get(_SLOT, Token()).get(SEALED)
        if not isinstance(sealed, str) or found.refresh_token is not None:
            raise _refused(key, "it is not encrypted")
        opened = self._open(sealed)
        if opened is None:
            raise _refused(key, "it was encrypted with another key, or changed")
        whose, record = opened
        if whose != key or record.version != found.version:
            raise _refused(key, "it was written for another key or version")
        return record

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*; None: if there is no record."""
        text = json.dumps([key.to_json(), record.to_json()])
        sealed = Token({SEALED: self._ring.encrypt(text.encode()).decode()})
        envelope = Record(access_tokens={_SLOT: sealed}, version=record.version)
        return await self.store.compare_and_swap(key, expected, envelope)

    def lock(self, key: GrantKey) -> AbstractAsyncContextManager[None]:
        """Hold the only lock on *key*."""
        return self.store.lock(key)

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

    def _open(self, sealed: str) -> tuple[GrantKey, Record] | None:
        try:
            whose, record = json.loads(self._ring.decrypt(sealed.encode()))
            return GrantKey.from_json(whose), Record.from_json(record)
        except (InvalidToken, ValueError):
            return None


def _refused(key: GrantKey, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the stored record of {key!r} cannot be used: {why}; pass the encryption_key that it was "
        "written with, or delete it and have the user log in again"
    )
