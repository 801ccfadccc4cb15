"""A refresh token is marked before it is sent, and sent again only where nothing can be lost."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from oauthkit import (
    GrantKey,
    Mark,
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
from tokens.grants import KEY, Clock, Exchange, opened, record, source
from tokens.stores import TestStore

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "a refresh token is never spent twice",
    rfc="RFC 6749 §6",
    judge="none but ours",
)

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
    """The mark goes, and what was stored for its sake alone; the next call sends it again."""

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
        assert held == (found is not None)
        assert found is None or found.mark is None
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


# -- a mark that is found --------------------------------------------------------------------------

SINCE = 1_000.0
OTHERS = Mark.of("r0", "another", SINCE)


@pytest.mark.parametrize(
    ("kind", "grace", "age", "mark", "sent"),
    [
        (MemoryStore, 0, 0, OTHERS, True),
        (MemoryStore, 0, 1e6, attrs.evolve(OTHERS, lost=True), True),
        (MemoryStore, 60, 0, attrs.evolve(OTHERS, final=True), False),
        (LeaseStore, 0, 0, OTHERS, False),
        (LeaseStore, 0, 1e6, OTHERS, False),
        (LeaseStore, 60, 59, OTHERS, True),
        (LeaseStore, 60, 60, OTHERS, False),
        (LeaseStore, 60, 0, attrs.evolve(OTHERS, final=True), False),
        (LeaseStore, 0, 0, Mark.of("r-other", "another", SINCE), True),
        (LeaseStore, 0, 0, attrs.evolve(OTHERS, lost=True, holder=""), True),
        (MemoryStore, 0, 0, attrs.evolve(OTHERS, epoch="before"), False),
    ],
)
def test_somebody_elses(
    kind: type[TokenStore], grace: float, age: float, mark: Mark, sent: bool
) -> None:
    """Where the lock proves that nobody sends it any more it is sent; else only within the grace."""

    async def main() -> None:
        exchange, store = opened(grace=grace, clock=Clock(SINCE + age)), kind()
        await filled(store, mark)
        asked = source(exchange, store)
        if sent:
            assert "t1" == (await asked.token())["access_token"]
            assert (await stored(store)).mark is None
        else:
            for _ in range(2):
                with pytest.raises(ReauthorizationRequired):
                    await asked.token()
            # So it is for all, until the holder stores what he got, or there is a login.
            assert attrs.evolve(mark, final=True) == (await stored(store)).mark
        assert (["r0"] if sent else []) == exchange.spent

    run(main())


def test_taken_over() -> None:
    """Since when it is on its way, and that an answer got lost, stays true of it."""

    async def main() -> None:
        exchange, store = Exchange(answers=[LOST]), MemoryStore()
        await filled(store, attrs.evolve(OTHERS, lost=True))
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        assert (
            attrs.evolve(OTHERS, lost=True, holder=asked.grant.holder) == (await stored(store)).mark
        )
        exchange.gate.set()
        with pytest.raises(ReauthorizationRequired):
            await waiting
        assert ["r0"] == exchange.spent

    run(main())


def test_a_holder_that_comes_late() -> None:
    """He stores what he got, and those who were in doubt go on with it."""

    async def main() -> None:
        exchange, store = opened(), LeaseStore()
        await filled(store, OTHERS)
        asked = source(exchange, store)
        with pytest.raises(ReauthorizationRequired):
            await asked.token()
        assert await store.compare_and_swap(KEY, 2, record({"access_token": "late"}, "r1", 3))
        assert "late" == (await asked.token())["access_token"]
        assert [] == exchange.spent

    run(main())


def test_a_client_that_needs_no_user() -> None:
    """What must not be sent is left alone: it gets a token of its own, and the mark stays."""

    async def main() -> None:
        exchange, store = opened(needs_user=False, refresh=False), LeaseStore()
        await filled(store, OTHERS)
        assert "t1" == (await source(exchange, store).token())["access_token"]
        assert [None] == exchange.spent
        assert OTHERS == (await stored(store)).mark

    run(main())


def test_versions_that_change_meanwhile() -> None:
    """Somebody encrypts the record anew while it is on its way: the mark goes all the same."""

    async def main() -> None:
        exchange, store = Exchange(answers=[said(503)]), LeaseStore()
        await filled(store)
        asked = source(exchange, store, retries=Retries(count=0))
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        found = await stored(store)
        anew = attrs.evolve(found, version=found.version + 1)
        assert await store.compare_and_swap(KEY, found.version, anew)
        exchange.gate.set()
        with pytest.raises(OAuthError):
            await waiting
        assert (await stored(store)).mark is None

    run(main())
