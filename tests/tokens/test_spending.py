"""A refresh token is marked before it is sent, and sent again only where nothing can be lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from oauthkit import (
    GrantKey,
    MemoryStore,
    OAuthError,
    ReauthorizationRequired,
    Record,
    Token,
    TokenStore,
    UnreachableError,
)
from oauthkit.tokens.retries import Retries
from oauthkit.tokens.seams import SENDING
from support import run
from tokens.grants import KEY, Exchange, opened, source
from tokens.marks import ENDED, LOST, LeaseStore, filled, said, stored
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)

# -- what an answer says of the mark ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [MemoryStore, LeaseStore])
def test_marked_while_it_is_sent(kind: type[TokenStore]) -> None:
    """The mark is in the store before it is sent, and goes with the token that came of it."""

    async def main() -> None:
        exchange, store = Exchange(), kind()
        await filled(store)
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        marked = await stored(store)
        assert marked.mark is not None
        assert (True, asked.grant.holder, exchange.clock(), False, False) == (
            marked.mark.is_of("r0"),
            marked.mark.holder,
            marked.mark.since,
            marked.mark.lost,
            marked.mark.final,
        )
        assert "r0" == marked.refresh_token
        exchange.gate.set()
        await waiting
        assert ("r1", None) == ((f := await stored(store)).refresh_token, f.mark)

    run(main())


UNUSED = [
    *[said(400, "invalid_scope"), said(401, "invalid_client"), said(408), said(429), said(503)],
    *[said(500, "temporarily_unavailable"), said(404), said(403)],
]


@pytest.mark.parametrize("kind", [MemoryStore, LeaseStore])
@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("failure", UNUSED, ids=lambda one: f"{one.status} {one.error}")
def test_answers_that_say_that_it_was_not_used(
    failure: OAuthError, held: bool, kind: type[TokenStore]
) -> None:
    """The mark goes; the next call sends it again."""

    async def main() -> None:
        exchange, store = opened(answers=[failure]), kind()
        asked = source(exchange, store, retries=Retries(count=0))
        if held:
            await filled(store)
        else:
            asked.grant.offer(Token({"refresh_token": "r0"}), asked.slot)
        with pytest.raises(OAuthError, match="no"):
            await asked.token()
        found = await store.load(KEY)
        assert found is not None
        assert ("r0", None) == (found.refresh_token, found.mark)
        assert "t1" == (await asked.token())["access_token"]
        assert ["r0", "r0"] == exchange.spent

    run(main())


LOSSES = [LOST, said(500), said(502), said(504), said(500, "server_error"), said(200)]


@pytest.mark.parametrize("kind", [MemoryStore, LeaseStore])
@pytest.mark.parametrize("failure", LOSSES, ids=str)
def test_a_lost_answer(failure: Exception, kind: type[TokenStore]) -> None:
    """The living holder sends it once more, in the same flight."""

    async def main() -> None:
        exchange, store = opened(answers=[failure]), kind()
        await filled(store)
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["r0", "r0"] == exchange.spent
        assert (await stored(store)).mark is None

    run(main())


@pytest.mark.parametrize("kind", [MemoryStore, LeaseStore])
@pytest.mark.parametrize("failure", LOSSES, ids=str)
def test_two_lost_answers(failure: Exception, kind: type[TokenStore]) -> None:
    """Nobody knows what is good: it is not sent again, by nobody, until there is a login."""

    async def main() -> None:
        exchange, store = opened(answers=[failure, LOST]), kind()
        await filled(store)
        asked = source(exchange, store)
        for _ in range(2):
            with pytest.raises(ReauthorizationRequired, match="sent twice"):
                await asked.token()
        assert ["r0", "r0"] == exchange.spent
        assert (f := (await stored(store)).mark) is not None
        assert f.final
        # Another process: what it knows, it knows from the store.
        asked.grant.refused = asked.grant.ended = None
        asked.grant.name = "another"
        with pytest.raises(ReauthorizationRequired):
            await asked.token()
        assert ["r0", "r0"] == exchange.spent
        login = {"access_token": "t", "refresh_token": "new", "expires_at": 0}
        await asked.grant.keep(asked.slot, login, fresh=True)
        assert "t1" == (await asked.token())["access_token"]

    run(main())


def test_refused_for_all_processes() -> None:
    """A refusal that is final is in the store: nobody else sends it."""

    async def main() -> None:
        exchange, store = opened(answers=[ENDED]), MemoryStore()
        await filled(store)
        asked = source(exchange, store)
        for _ in range(2):
            with pytest.raises(ReauthorizationRequired):
                await asked.token()
            asked.grant.refused = asked.grant.ended = None
            asked.grant.name = "another"
        assert ["r0"] == exchange.spent

    run(main())


def test_nothing_left() -> None:
    """Where no connection came about, nothing was spent: as often as that happens."""

    async def main() -> None:
        exchange, store = NeverSent(answers=[LOST] * 3), MemoryStore()
        exchange.gate.set()
        await filled(store)
        asked = source(exchange, store, retries=Retries(count=0))
        for _ in range(3):
            with pytest.raises(UnreachableError):
                await asked.token()
            assert (await stored(store)).mark is None
        assert "t1" == (await asked.token())["access_token"]

    run(main())


class NeverSent(Exchange):
    """What it says has not left."""

    async def __call__(self, record: Record | None) -> Any:
        """Note that nothing has left."""
        sending = SENDING.get()
        assert sending is not None
        sending.left = False
        return await super().__call__(record)


def test_no_time_for_another() -> None:
    """An answer that does not come within the deadline is lost; the next flight sends once more."""

    async def main() -> None:
        exchange, store = Exchange(), MemoryStore()
        await filled(store)
        asked = source(exchange, store, deadline=0.02)
        with pytest.raises(UnreachableError, match=r"did not answer within 0\.02 s"):
            await asked.token()
        assert (f := (await stored(store)).mark) is not None
        assert f.lost
        assert not f.final
        with pytest.raises(ReauthorizationRequired, match="sent twice"):
            await asked.token()
        assert ["r0", "r0"] == exchange.spent

    run(main())


def test_a_store_that_hangs_after_the_answer() -> None:
    """Taking the mark off has a deadline of its own; the token is sent again all the same."""

    async def main() -> None:
        exchange, store = opened(answers=[said(503)]), HangingAtUnmarking()
        await filled(store.inner)
        asked = source(exchange, store, deadline=0.02)
        with pytest.raises(UnreachableError, match="the token store did not answer within"):
            await asked.token()
        assert (await stored(store.inner)).mark is not None
        store.hangs = False
        assert "t1" == (await asked.token())["access_token"]
        assert ["r0", "r0"] == exchange.spent

    run(main())


class HangingAtUnmarking(LeaseStore):
    """It never answers where a mark is to be taken off."""

    __test__ = False
    hangs = True

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record*, or hang."""
        if record.mark is None and self.hangs:
            await asyncio.Event().wait()
        return await super().compare_and_swap(key, expected, record)


def test_a_hook_that_fails() -> None:
    """The answer may have got lost with it: it is raised, and not at once asked for again."""

    async def main() -> None:
        exchange, store = opened(answers=[ZeroDivisionError()]), MemoryStore()
        await filled(store)
        asked = source(exchange, store)
        with pytest.raises(ZeroDivisionError):
            await asked.token()
        assert ["r0"] == exchange.spent
        assert "t1" == (await asked.token())["access_token"]

    run(main())


@pytest.mark.parametrize("late", [False, True])
def test_a_mark_that_cannot_be_set(late: bool) -> None:
    """Nothing is sent; the next flight sets it. If it is there after all, this one goes on."""

    async def main() -> None:
        exchange, store = opened(), TestStore(marks_too=True)
        store.gate.set()
        await filled(store.inner)
        (store.late_refusals if late else store.refusals).append(OSError("disk"))
        asked = source(exchange, store)
        if not late:
            with pytest.raises(OSError, match="disk"):
                await asked.token()
            assert [] == exchange.spent
        assert "t1" == (await asked.token())["access_token"]
        assert ["r0"] == exchange.spent

    run(main())


def test_a_race_for_the_mark() -> None:
    """Somebody has stored something without a lock: it is looked at again, and nothing sent."""

    async def main() -> None:
        exchange, store = opened(), TestStore(marks_too=True, lost_races=3)
        store.gate.set()
        await filled(store.inner)
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert ["r0"] == exchange.spent

    run(main())


def test_refresh_tokens_that_do_not_rotate() -> None:
    """They are not marked, and a lost answer costs nothing."""

    async def main() -> None:
        exchange, store = opened(rotates=False, refresh=False, answers=[LOST] * 3), MemoryStore()
        await filled(store)
        asked = source(exchange, store, retries=Retries(count=0))
        for _ in range(3):
            with pytest.raises(UnreachableError):
                await asked.token()
            assert 1 == (await stored(store)).version
        assert "t1" == (await asked.token())["access_token"]

    run(main())
