"""How long a token is good: whatever a server says of it, nobody asks for one at each call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oauthkit import MemoryStore, Token
from oauthkit.protocol.responses import parse_token_response
from support import run
from tokens.grants import KEY, opened, record, source

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "lifetimes: no loop, whatever a server says",
    rfc="RFC 6749 §5.1",
    judge="none but ours",
)


@pytest.mark.parametrize(
    "lifetime",
    [
        1,
        0,
        None,
        "absent",
        -1,
        -3600,
        "3600",
        "0",
        "",
        "soon",
        3600,
        1e11,
        10**30,
        1e400,
        True,
        [1],
    ],
)
@pytest.mark.parametrize("absolute", ["absent", None, 0, -1, "x", 1_000_000, 1_000_001, 10**30])
def test_no_loop(lifetime: Any, absolute: Any) -> None:
    """One request for a hundred calls, while the clock stands still."""

    async def main() -> None:
        exchange = opened()
        members = {"access_token": "t", "expires_in": lifetime, "expires_at": absolute}
        body = json.dumps({n: v for n, v in members.items() if v != "absent"})
        exchange.answers += [parse_token_response(200, body, now=exchange.clock())] * 100
        asked = source(exchange)
        assert {"t"} == {(await asked.token())["access_token"] for _ in range(100)}
        assert 1 == exchange.count

    run(main())


@pytest.mark.parametrize(
    ("lifetime", "leeway", "good_for"),
    [(3600, 60, 3540), (100, 60, 75), (1, 60, 0.75), (3600, 0, 3600), (3600, 1e9, 2700)],
)
def test_leeway(lifetime: float, leeway: float, good_for: float) -> None:
    """It is never more than a quarter of the lifetime."""

    async def main() -> None:
        exchange = opened(expires_in=lifetime)
        asked = source(exchange, leeway=leeway)
        await asked.token()
        exchange.clock.now += good_for - 0.25
        assert "t1" == (await asked.token())["access_token"]
        exchange.clock.now += 0.25
        assert "t2" == (await asked.token())["access_token"]
        assert "t2" == (await asked.token())["access_token"]

    run(main())


def test_unknown_lifetime() -> None:
    """A token with an end but no lifetime, as somebody may have kept it, has the whole leeway."""

    async def main() -> None:
        exchange, store = opened(), MemoryStore()
        end = exchange.clock() + 61
        await store.compare_and_swap(
            KEY, None, record({"access_token": "kept", "expires_at": end}, "r0")
        )
        asked = source(exchange, store)
        assert "kept" == (await asked.token())["access_token"]
        exchange.clock.now += 1
        assert "t1" == (await asked.token())["access_token"]

    run(main())


def test_without_end() -> None:
    """A token of which nothing is known is good until it is refused."""

    async def main() -> None:
        exchange = opened(expires_in=None)
        asked = source(exchange)
        first = await asked.token()
        exchange.clock.now += 1e9
        assert first is await asked.token()
        assert "t2" == (await asked.token(rejected=first))["access_token"]

    run(main())


def test_answer_that_took_longer_than_its_token_lives() -> None:
    """It is handed out all the same: one request a call, and no loop inside of it."""

    async def main() -> None:
        exchange = opened()
        late: dict[str, Any] = {"expires_in": 1, "expires_at": exchange.clock() - 1}
        exchange.answers += [{"access_token": "a", **late}, {"access_token": "b", **late}]
        asked = source(exchange)
        assert "a" == (await asked.token())["access_token"]
        assert "b" == (await asked.token())["access_token"]
        assert Token({"access_token": "b", **late}) == asked.grant.tokens[asked.slot]

    run(main())
