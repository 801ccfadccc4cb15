"""Records are encrypted anew while a refresh is in flight: no mark, no token is lost, none sent twice."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest
from cryptography.fernet import Fernet

from oauthkit import (
    EncryptedStore,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Record,
    TokenStore,
    UnreachableError,
)
from support import run
from tokens.grants import KEY, Exchange, opened, record, source
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

    async def compare_and_swap(self, key: Any, expected: int | None, record: Record) -> bool:
        """Rotate before it is the turn of this one."""
        self.turn -= 1
        if self.turn == 0:
            await rotate(self)
        return await super().compare_and_swap(key, expected, record)


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


@pytest.mark.parametrize("kind", [MemoryStore, LeaseStore])
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
def test_between_a_look_and_a_swap(turn: int) -> None:
    """Before the mark, and before what takes it off, is stored: each is tried again."""

    async def main() -> None:
        exchange, inner = opened(), Rotating(turn)
        asked = source(exchange, await begin(inner))
        assert "t1" == (await asked.token())["access_token"]
        assert inner.turn < 0
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


@pytest.mark.parametrize(("failure", "mark"), REFUSALS, ids=str)
def test_while_a_refusal_is_on_its_way(failure: Exception, mark: str) -> None:
    """The mark says what it would have said without."""

    async def main() -> None:
        exchange, inner = Exchange(answers=[failure]), MemoryStore()
        asked = source(exchange, await begin(inner))
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
