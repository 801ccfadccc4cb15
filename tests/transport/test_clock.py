"""A clock that is wrong is corrected by the Date of a 401, once (RFC 5849 §3.3)."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from oauthkit import OAuthError
from oauthkit.transport.oauth1_signer import Clock
from transport.peers import PLACEMENTS, Pair, client_of, run, running_pair, verified

pytestmark = pytest.mark.proves(
    "OAuth 1.0a", "a clock that is off is corrected", rfc="RFC 5849 §3.3", judge="none but ours"
)

AHEAD = 7200


@pytest.fixture(scope="module")
def late_services() -> Iterator[Pair]:
    """Run a service whose clock is two hours ahead."""
    with running_pair(clock=lambda: time.time() + AHEAD) as pair:
        yield pair


@pytest.fixture
def late(late_services: Pair) -> Pair:
    """Hand it out, with nothing in its log."""
    late_services.clear()
    return late_services


def statuses(pair: Pair) -> list[int | None]:
    """Return what the service answered."""
    return [exchange.status for exchange in pair.home.log]


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    "options", [{}, {"data": {"a": "1"}}, {"json": [1]}, {"data": b"\0"}], ids=str
)
def test_one_more_try(late: Pair, placement: str, options: dict[str, Any]) -> None:
    """The second try has the service's time and a new nonce; later requests need no other."""

    async def main() -> None:
        async with late.home.session() as session:
            client = client_of(late, session, placement=placement, clock_from_date=True)
            for _ in range(2):
                async with client.post("/x", **options) as response:
                    assert 200 == response.status

    run(main())
    assert [401, 200, 200] == statuses(late)
    first, *others = late.home.log
    assert ("timestamp",) == first.failed
    for exchange in others:
        verified(exchange)
    assert 3 == len({exchange.parameter("oauth_nonce") for exchange in late.home.log})
    assert first.body.partition(b"&oauth")[0] == others[0].body.partition(b"&oauth")[0]


def test_middleware_and_websocket(late: Pair) -> None:
    """They learn the time too, and from each other."""

    async def main() -> None:
        client = client_of(late, clock_from_date=True)
        async with late.home.session(middlewares=[client.middleware]) as session:
            async with session.ws_connect("wss://api.example/ws"):
                pass
            async with session.get("https://api.example/x") as response:
                assert 200 == response.status

    run(main())
    assert [401, 101, 200] == statuses(late)


def test_three_steps(late: Pair) -> None:
    """The first protocol request is tried once more; what follows knows the time."""

    async def main() -> None:
        async with late.home.session() as session:
            client = client_of(late, session, late.home.client_creds, clock_from_date=True)
            await client.fetch_request_token()
            verifier = late.home.authorize(client.create_authorization_url())
            await client.fetch_access_token(verifier=verifier)
            async with client.get("/x") as response:
                assert 200 == response.status

    run(main())
    assert [401, 200, 200, 200] == statuses(late)


def test_not_declared(late: Pair) -> None:
    """Without the declaration a 401 is a 401."""

    async def main() -> None:
        async with (
            late.home.session() as session,
            client_of(late, session).get("/x") as response,
        ):
            assert 401 == response.status

    run(main())
    assert [401] == statuses(late)


def test_consumed_body_is_not_sent_again(late: Pair) -> None:
    """A stream is gone: its 401 is handed on, and nobody gets an empty body."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"once"

    async def main() -> None:
        async with late.home.session() as session:
            client = client_of(late, session, clock_from_date=True)
            async with client.post("/x", data=chunks()) as response:
                assert 401 == response.status
            async with client.post("/x", data=chunks()) as response:
                assert 200 == response.status

    run(main())
    assert [401, 200] == statuses(late)
    assert [b"once", b"once"] == [exchange.body for exchange in late.home.log]


def test_bounded() -> None:
    """A service whose clock is never the same is believed once a call."""
    steps = itertools.count(1)
    with running_pair(clock=lambda: time.time() + 10_000 * next(steps)) as pair:

        async def main() -> None:
            async with pair.home.session() as session:
                client = client_of(pair, session, clock_from_date=True)
                async with client.get("/x") as response:
                    assert 401 == response.status
                assert 2 == len(pair.home.log)
                pair.clear()
                with pytest.raises(OAuthError):
                    await client.fetch_request_token()
                assert 2 == len(pair.home.log)

        run(main())


def test_other_refusals(pair: Pair) -> None:
    """A 401 with a Date that fits is none that another try would help."""

    async def main() -> None:
        async with pair.home.session() as session:
            wrong = {**pair.home.creds, "token_secret": "wrong"}
            client = client_of(pair, session, wrong, clock_from_date=True)
            async with client.get("/x") as response:
                assert 401 == response.status

    run(main())
    assert [401] == statuses(pair)


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("Thu, 01 Jan 1970 02:00:00 GMT", 6200),
        ("Thu, 01 Jan 1970 02:00:00 -0000", 6200),
        ("Thu, 01 Jan 1970 03:00:00 +0100", 6200),
        ("Thursday, 01-Jan-70 02:00:00 GMT", 6200),
        # Half a minute: the way back takes time, and a second is the resolution.
        ("Thu, 01 Jan 1970 00:17:09 GMT", None),
        ("", None),
        (None, None),
        ("Mon, 01 Jan 1960 00:00:00 GMT", None),
        ("yesterday", None),
        ("Mon, 99 Jan 2024 99:99:99 GMT", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
    ],
)
def test_dates(date: str | None, offset: int | None) -> None:
    """Dates in the forms of RFC 9110 §5.6.7 count, anything else changes nothing."""
    clock = Clock(lambda: 1000.0)
    assert (offset is not None) == clock.correct(date)
    assert str(1000 + (offset or 0)) == clock.timestamp()
    assert not clock.correct(date)
