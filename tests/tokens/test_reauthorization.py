"""A grant that has ended: said once, to all who wait and who come later, until there is a login."""

from __future__ import annotations

import asyncio

import pytest

from oauthkit import MemoryStore, ReauthorizationRequired, Record, Token
from oauthkit.tokens.grants import PLAIN
from oauthkit.tokens.seams import LOGIN_REQUIRED
from support import run
from tokens.grants import KEY, Exchange, opened, record, source


def ended(error: str = "invalid_grant") -> ReauthorizationRequired:
    """Make what an exchange raises where only the user can help."""
    return ReauthorizationRequired(
        "log in", account="a", issuer=KEY.issuer, client_id=KEY.client_id, error=error
    )


async def store_with(refresh_token: str) -> MemoryStore:
    """Make a store that holds a refresh token, and an access token that has expired."""
    store = MemoryStore()
    await store.compare_and_swap(
        KEY, None, record({"access_token": "t0", "expires_at": 0}, refresh_token)
    )
    return store


def test_one_for_all_who_wait() -> None:
    """One request, one error, the same object for each of them."""

    async def main() -> None:
        exchange = Exchange(answers=[ended()])
        asked = source(exchange, await store_with("r0"))
        waiting = [asyncio.create_task(asked.token()) for _ in range(5)]
        await exchange.started.wait()
        exchange.gate.set()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results[0], ReauthorizationRequired)
        assert [True] * 5 == [one is results[0] for one in results]
        assert ["r0"] == exchange.spent

    run(main())


def test_again_without_a_request() -> None:
    """Who comes later gets an equal one; it holds nothing of the flight before."""

    async def main() -> None:
        exchange = opened(answers=[ended()])
        asked = source(exchange, await store_with("r0"))
        seen: list[ReauthorizationRequired] = []
        for _ in range(3):
            with pytest.raises(ReauthorizationRequired) as caught:
                await asked.token()
            seen.append(caught.value)
        assert 3 == len({id(one) for one in seen})
        assert [vars(seen[0])] * 3 == [vars(one) for one in seen]
        assert asked.grant.ended is not None
        assert asked.grant.ended.__traceback__ is None
        assert ["r0"] == exchange.spent

    run(main())


@pytest.mark.parametrize("how", ["by hand", "login", "another process"])
@pytest.mark.parametrize("was", ["stored", "by hand"])
def test_until_there_is_a_login(was: str, how: str) -> None:
    """Whoever has logged in, and however the grant of before had come: the next call goes on."""

    async def main() -> None:
        exchange = opened(answers=[ended()])
        store = MemoryStore() if was == "by hand" else await store_with("r0")
        asked = source(exchange, store)
        if was == "by hand":
            asked.grant.assign(Token({"refresh_token": "r0"}))
        for _ in range(2):
            with pytest.raises(ReauthorizationRequired):
                await asked.token()
        new = Token({"access_token": "new", "refresh_token": "r-new", "expires_at": 0})
        if how == "by hand":
            asked.grant.assign(new)
        elif how == "login":
            await asked.grant.land(asked.grant.save_login(PLAIN, dict(new), asked.grant.start(), 5))
        else:
            found = await store.load(KEY)
            version = found.version if found is not None else 0
            swapped = await store.compare_and_swap(
                KEY, version or None, record({"access_token": "new"}, "r-new", version + 1)
            )
            assert swapped
        token = await asked.token()
        expected = "new" if how == "another process" else "t1"
        assert expected == token["access_token"]
        assert ["r0", "r-new"][: exchange.count] == exchange.spent
        assert (how == "another process") == (exchange.count == 1)

    run(main())


def test_final_after_another_look() -> None:
    """Somebody has stored another refresh token while this one was refused: it is not the end."""

    async def main() -> None:
        exchange = Exchange(answers=[ended()])
        store = await store_with("r0")
        asked = source(exchange, store)
        waiting = asyncio.create_task(asked.token())
        await exchange.started.wait()
        other = record({"access_token": "other", "expires_at": 0}, "r-other", 3)
        assert await store.compare_and_swap(KEY, 2, other)
        exchange.gate.set()
        assert "t1" == (await waiting)["access_token"]
        assert ["r0", "r-other"] == exchange.spent
        assert asked.grant.ended is None

    run(main())


def test_a_client_that_needs_no_user() -> None:
    """It asks for a token of its own, and does not send what was refused."""

    async def main() -> None:
        store = await store_with("r0")
        with pytest.raises(ReauthorizationRequired):
            await source(opened(answers=[ended()]), store).token()
        exchange = opened(needs_user=False)
        asked = source(exchange, store)
        asked.grant.end("r0", ended())  # the grant of before has gone with its last source
        assert "t1" == (await asked.token())["access_token"]
        assert [None] == exchange.spent

    run(main())


def test_nothing_to_send_is_not_remembered() -> None:
    """Without a refresh token there is no request to be saved: the exchange says it each time."""

    async def main() -> None:
        exchange = opened(answers=[ended(LOGIN_REQUIRED), ended(LOGIN_REQUIRED)])
        asked = source(exchange, MemoryStore())
        for _ in range(2):
            with pytest.raises(ReauthorizationRequired):
                await asked.token()
        assert asked.grant.ended is None
        asked.grant.assign(Token({"refresh_token": "r"}))
        assert isinstance(asked.grant.start().record, Record)
        assert "t1" == (await asked.token())["access_token"]

    run(main())


def test_a_login_that_brings_the_same_refresh_token() -> None:
    """Some servers have one for each user and client: after a login it is good again."""

    async def main() -> None:
        exchange = opened(answers=[ended()])
        asked = source(exchange, await store_with("r0"))
        with pytest.raises(ReauthorizationRequired):
            await asked.token()
        again = {"access_token": "t", "refresh_token": "r0", "expires_at": 0}
        await asked.grant.land(asked.grant.save_login(PLAIN, again, asked.grant.start(), 5))
        assert "t1" == (await asked.token())["access_token"]
        assert ["r0", "r0"] == exchange.spent

    run(main())
