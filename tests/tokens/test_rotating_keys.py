"""Records are encrypted anew while a refresh is in flight: no mark, no token is lost, none sent twice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
from cryptography.fernet import Fernet

from oauthkit import (
    EncryptedStore,
    GrantKey,
    Held,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Record,
    TokenStore,
    UnreachableError,
)
from oauthkit.tokens.retries import Retries
from support import run
from tokens.grants import KEY, Exchange, record, source
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)

OLD, NEW = Fernet.generate_key(), Fernet.generate_key()


class LeaseStore(TestStore):
    """Its lock runs out, and proves nothing."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self.gate.set()


class Rotating(MemoryStore):
    """Somebody else's `rotate()` comes before the swap of that number."""

    def __init__(self, turn: int) -> None:
        super().__init__()
        self.turn = turn

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Rotate before it is the turn of this one."""
        self.turn -= 1
        if self.turn == 0:
            await rotate(self)
        return await super().compare_and_swap(key, expected, record)


@attrs.define(eq=False)
class TellingStore:
    """A store whose lock tells what is stored, and marks and stores by itself."""

    inner: MemoryStore = attrs.field(factory=MemoryStore)

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        return await self.inner.load(key)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*."""
        return await self.inner.compare_and_swap(key, expected, record)

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[Held]:
        """Hold the only lock on *key*, and tell what is stored."""
        async with self.inner.lock(key):
            yield Telling(self.inner, key, await self.inner.load(key))

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*."""
        await self.inner.delete(key)

    def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys."""
        return self.inner.iterate()


@attrs.frozen(eq=False)
class Telling:
    """What its lock gives."""

    inner: MemoryStore
    key: GrantKey
    record: Record | None
    epoch: str = "1"

    def remaining(self) -> float:
        """Return how long the lock is ours: for good."""
        return math.inf

    async def mark(self, expected: int | None, record: Record) -> bool:
        """Store *record*, while the lock is ours."""
        return await self.inner.compare_and_swap(self.key, expected, record)

    async def finish(self, expected: int | None, record: Record) -> bool:
        """Store *record*."""
        return await self.inner.compare_and_swap(self.key, expected, record)


async def rotate(inner: TokenStore) -> None:
    """Encrypt all records with the new key, as another process does."""
    await EncryptedStore(inner, [NEW, OLD]).rotate()


async def begin(inner: TokenStore) -> EncryptedStore:
    """Store a grant whose access token has expired, under the old key."""
    expired = record({"access_token": "t0", "expires_at": 0}, "r0")
    await EncryptedStore(inner, OLD).compare_and_swap(KEY, None, expired)
    return EncryptedStore(inner, [NEW, OLD])


async def left(inner: TokenStore) -> Record:
    """Return what is stored, under the new key."""
    found = await EncryptedStore(inner, NEW).load(KEY)
    assert found is not None
    return found


async def left_anyhow(inner: TokenStore) -> Record:
    """Return what is stored, under either key."""
    found = await EncryptedStore(inner, [NEW, OLD]).load(KEY)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", [MemoryStore, LeaseStore, TellingStore])
@pytest.mark.parametrize("times", [1, 3])
def test_while_the_server_holds_the_answer(kind: type[TokenStore], times: int) -> None:
    """The mark is kept, and goes with the token that comes; the token is sent once."""

    async def main() -> None:
        exchange, inner = Exchange(), kind()
        asked = source(exchange, await begin(inner))
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        marked = await left_anyhow(inner)
        for _ in range(times):
            await rotate(inner)
        again = await left(inner)
        assert marked.mark is not None
        assert attrs.evolve(marked, version=marked.version + times) == again
        exchange.gate.set()
        assert "t1" == (await waiting)["access_token"]
        stored = await left(inner)
        assert ("r1", None) == (stored.refresh_token, stored.mark)
        assert "t1" == stored.access_tokens["", ""]["access_token"]
        assert ["r0"] == exchange.spent
        # The next one begins with what was stored.
        assert "t2" == (await asked.token(rejected=stored.access_tokens["", ""]))["access_token"]
        assert ["r0", "r1"] == exchange.spent

    run(main())


@pytest.mark.parametrize("turn", [2, 3])  # the first one is begin()'s
@pytest.mark.parametrize("tells", [False, True])
def test_between_a_look_and_a_swap(turn: int, tells: bool) -> None:
    """Before the mark, and before what takes it off, is stored: each is tried again."""

    async def main() -> None:
        exchange, rotating = Exchange(), Rotating(turn)
        inner: TokenStore = TellingStore(rotating) if tells else rotating
        asked = source(exchange, await begin(inner))
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        marked = (await left_anyhow(inner)).mark
        assert marked is not None
        assert marked.is_of("r0")
        exchange.gate.set()
        assert "t1" == (await waiting)["access_token"]
        assert rotating.turn < 0
        stored = await left(inner)
        assert ("r1", None, ["r0"]) == (stored.refresh_token, stored.mark, exchange.spent)

    run(main())


REFUSALS = [
    (OAuthError("no", error="temporarily_unavailable", status=503), "gone"),
    (OAuthError("no", error="invalid_client", status=401), "gone"),
    (UnreachableError("hung up", endpoint="https://as.example"), "lost"),
    (
        ReauthorizationRequired(
            "no",
            account="",
            issuer=KEY.issuer,
            client_id=KEY.client_id,
            error="invalid_grant",
            status=400,
        ),
        "final",
    ),
]


@pytest.mark.parametrize("kind", [MemoryStore, TellingStore])
@pytest.mark.parametrize(("failure", "mark"), REFUSALS, ids=str)
def test_while_a_refusal_is_on_its_way(
    failure: Exception, mark: str, kind: type[TokenStore]
) -> None:
    """The mark says what it would have said without."""

    async def main() -> None:
        exchange, inner = Exchange(answers=[failure]), kind()
        asked = source(exchange, await begin(inner), retries=Retries(count=mark == "lost"))
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        await rotate(inner)
        exchange.gate.set()
        if mark == "lost":  # then it is sent once more, by the same flight
            assert "t1" == (await waiting)["access_token"]
            assert ["r0", "r0"] == exchange.spent
        else:
            with pytest.raises(OAuthError, match="no"):
                await waiting
            assert ["r0"] == exchange.spent
        found = await left(inner)
        if mark == "final":
            assert found.mark is not None
            assert found.mark.final
        else:
            assert found.mark is None

    run(main())


def test_what_a_lock_tells() -> None:
    """Of an encrypted store: the record opened; what is stored with it is sealed."""

    async def main() -> None:
        inner = TellingStore()
        store = await begin(inner)
        async with store.lock(KEY) as held:
            assert held is not None
            assert held.record is not None
            assert ("r0", "1", math.inf) == (
                held.record.refresh_token,
                held.epoch,
                held.remaining(),
            )
            await rotate(inner)
            following = attrs.evolve(held.record, refresh_token="r1", version=2)
            assert not await held.mark(1, following)
            assert not await held.finish(1, following)
            assert await held.mark(2, attrs.evolve(following, version=3))
            assert await held.finish(3, attrs.evolve(following, version=4))
        assert ("r1", 4) == ((found := await left(inner)).refresh_token, found.version)
        raw = await inner.load(KEY)
        assert raw is not None
        assert raw.refresh_token is None

    run(main())
