"""Encryption at rest: nothing in the clear, no record in another's place, keys that are replaced."""

from __future__ import annotations

import base64
import hashlib
import hmac
import traceback
from pathlib import Path
from typing import Any

import attrs
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from clients.oauth2_example import LOGIN, log_in
from clients.test_oauth2_failing_stores import log_in_with
from oauthkit import (
    ConfigurationError,
    EncryptedStore,
    GrantKey,
    MemoryStore,
    Record,
    SQLiteStore,
    open_store,
)
from oauthkit.testing.servers import OAuth2Server
from support import run
from tokens.grants import KEY, record

pytestmark = pytest.mark.proves(
    "Tokens and stores", "tokens encrypted at rest", rfc=None, judge="none but ours"
)

OTHER = attrs.evolve(KEY, account="mallory")
ONE = record({"access_token": "the-access-token", "extra": {"a": [1]}}, "the-refresh-token")
FIRST, SECOND = Fernet.generate_key(), Fernet.generate_key().decode()


async def stored(inner: MemoryStore, key: GrantKey) -> Record:
    """Return what is stored under *key*, as it is stored."""
    found = await inner.load(key)
    assert found is not None
    return found


async def refusal(store: EncryptedStore, key: GrantKey) -> str:
    """Return what loading *key* is refused with."""
    with pytest.raises(ConfigurationError) as caught:
        await store.load(key)
    shown = "".join(traceback.format_exception(caught.value))
    assert "the-access-token" not in shown
    assert "the-refresh-token" not in shown
    return str(caught.value)


def open_sealed(key: bytes, sealed: str) -> bytes:
    """Decrypt by the specification of Fernet: HMAC-SHA256, then AES-128-CBC."""
    secret, octets = base64.urlsafe_b64decode(key), base64.urlsafe_b64decode(sealed)
    signed, mac = octets[:-32], octets[-32:]
    assert hmac.compare_digest(mac, hmac.digest(secret[:16], signed, hashlib.sha256))
    decryptor = Cipher(algorithms.AES(secret[16:]), modes.CBC(signed[9:25])).decryptor()
    padded = decryptor.update(signed[25:]) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def test_nothing_of_a_token_is_in_the_clear(tmp_path: Path) -> None:
    """Neither in the file nor in its log nor in a repr; what is in it opens by Fernet's own rules."""

    async def main() -> None:
        inner = SQLiteStore(tmp_path / "tokens.db")
        store = EncryptedStore(inner, FIRST)
        await store.compare_and_swap(KEY, None, ONE)
        found = await inner.load(KEY)
        assert found is not None
        sealed = found.access_tokens["", ""]["encrypted"]
        assert b"the-access-token" in open_sealed(FIRST, sealed)
        assert ONE == await store.load(KEY)
        assert FIRST.decode() not in repr(store)
        await store.close()

    run(main())
    for path in tmp_path.iterdir():
        octets = path.read_bytes() if path.is_file() else b""
        assert not any(secret in octets for secret in (b"the-access", b"the-refresh", FIRST))


def test_records_cannot_be_swapped() -> None:
    """What was written for another key, or for another version, is refused."""

    async def main() -> None:
        inner = MemoryStore()
        store = EncryptedStore(inner, FIRST)
        await store.compare_and_swap(KEY, None, ONE)
        taken = await stored(inner, KEY)
        await inner.compare_and_swap(OTHER, None, taken)
        assert "written for another key or version" in await refusal(store, OTHER)
        assert "mallory" in await refusal(store, OTHER)
        await store.compare_and_swap(KEY, 1, attrs.evolve(ONE, version=2))
        await inner.compare_and_swap(KEY, 2, attrs.evolve(taken, version=2))
        assert "written for another key or version" in await refusal(store, KEY)

    run(main())


def test_what_was_changed_is_refused() -> None:
    """Any character of it; a record in the clear; and one that another key encrypted."""

    async def main() -> None:
        inner = MemoryStore()
        store = EncryptedStore(inner, FIRST)
        await store.compare_and_swap(KEY, None, ONE)
        whole = await stored(inner, KEY)
        sealed: str = whole.access_tokens["", ""]["encrypted"]
        for position in range(0, len(sealed), 7):
            other = "A" if sealed[position] != "A" else "B"
            changed = sealed[:position] + other + sealed[position + 1 :]
            await inner.compare_and_swap(KEY, 1, record({"encrypted": changed}, None))
            assert "another key, or changed" in await refusal(store, KEY)
        for plain in (ONE, record({"encrypted": sealed}, "r"), record({"encrypted": 3}, None)):
            await inner.compare_and_swap(KEY, 1, plain)
            assert "it is not encrypted" in await refusal(store, KEY)
        await inner.compare_and_swap(KEY, 1, whole)
        assert ONE == await store.load(KEY)
        assert "another key, or changed" in await refusal(EncryptedStore(inner, SECOND), KEY)

    run(main())


def test_keys_are_replaced() -> None:
    """The new key comes first; `rotate()` writes all with it, and the old one can go."""

    async def main() -> None:
        inner = MemoryStore()
        await EncryptedStore(inner, FIRST).compare_and_swap(KEY, None, ONE)
        await EncryptedStore(inner, FIRST).compare_and_swap(OTHER, None, ONE)
        both = EncryptedStore(inner, [SECOND, FIRST])
        assert ONE == await both.load(KEY)
        await both.compare_and_swap(KEY, 1, attrs.evolve(ONE, version=2))
        alone = EncryptedStore(inner, SECOND)
        assert attrs.evolve(ONE, version=2) == await alone.load(KEY)
        assert "another key" in await refusal(alone, OTHER)
        await both.rotate()
        assert attrs.evolve(ONE, version=3) == await alone.load(KEY)
        assert attrs.evolve(ONE, version=2) == await alone.load(OTHER)

    run(main())


def test_rotating_gives_way_to_others() -> None:
    """What somebody writes meanwhile stays, and is encrypted anew; what is deleted stays so."""

    class Busy(MemoryStore):
        """Somebody else writes before the first swap."""

        writes: Any = None

        async def compare_and_swap(
            self, key: GrantKey, expected: int | None, record: Record
        ) -> bool:
            """Write first."""
            write, self.writes = self.writes, None
            if write is not None:
                await write()
            return await super().compare_and_swap(key, expected, record)

    async def main() -> None:
        inner = Busy()
        old = EncryptedStore(inner, FIRST)
        both = EncryptedStore(inner, [SECOND, FIRST])
        newer = record({"access_token": "newer"}, "r2", 2)
        await old.compare_and_swap(KEY, None, ONE)
        inner.writes = lambda: old.compare_and_swap(KEY, 1, newer)
        await both.rotate()
        assert attrs.evolve(newer, version=3) == await EncryptedStore(inner, SECOND).load(KEY)
        inner.writes = lambda: inner.delete(KEY)
        await both.rotate()
        assert await both.load(KEY) is None

    run(main())


@pytest.mark.parametrize("wrong", ["", "hunter22", b"hunter22", [], [FIRST, "hunter22"], 3, [3]])
def test_keys_that_are_none(wrong: Any) -> None:
    """The error says what is expected, and shows no key."""
    with pytest.raises(ConfigurationError, match="Fernet") as caught:
        EncryptedStore(MemoryStore(), wrong)
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter22" not in shown.replace(repr(wrong), "")
    assert caught.value.__context__ is None


def test_by_url() -> None:
    """One URL and one ring of keys is one store; other keys are another, around the same one."""
    one = open_store("memory://sealed", encryption_key=SECOND)
    assert isinstance(one, EncryptedStore)
    assert one is open_store("memory://sealed", encryption_key=[SECOND])
    assert one is open_store("memory://sealed", encryption_key=SECOND.encode())
    other = open_store("memory://sealed", encryption_key=[SECOND, FIRST])
    assert isinstance(other, EncryptedStore)
    assert one is not other
    assert one.store is other.store is open_store("memory://sealed")
    with pytest.raises(ConfigurationError, match="encryption_key"):
        open_store("memory://sealed", encryption_key="")


def test_a_client_without_the_key_leaves_the_record_as_it_is() -> None:
    """It neither asks for a token nor logs in over the user's grant, and says what to pass."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            inner = MemoryStore()
            async with server.session() as session:
                sealed = EncryptedStore(inner, FIRST)
                await log_in_with(server, log_in(server, session, store=sealed, account="alice"))
                before = {key: await inner.load(key) async for key in inner.iterate()}
                server.log.clear()
                plain = log_in(server, session, store=inner, account="alice")
                with pytest.raises(ConfigurationError, match="encryption_key"):
                    await plain.get("/echo")
                with pytest.raises(ConfigurationError, match="encryption_key"):
                    await plain.refresh_token()
                assert 0 == server.token_requests
                with pytest.raises(ConfigurationError, match="encryption_key"):
                    await log_in_with(server, plain)
                assert before == {key: await inner.load(key) async for key in inner.iterate()}

        run(main())
