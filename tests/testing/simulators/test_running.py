"""How a simulation runs: its sessions and loops, more than one, and nothing that leaves."""

from __future__ import annotations

import asyncio
import gc
import threading

import aiohttp
import pytest

from oauthkit import connect
from oauthkit.testing import simulate
from oauthkit.testing.servers import session
from support import fresh, run
from testing.simulators.examples import KEYFILE, acme, bucket, status_of

proves_loopback = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "nothing leaves the machine",
    rfc=None,
    judge="none but ours",
)


@proves_loopback
def test_nothing_leaves_the_machine() -> None:
    """Names that are not declared, addresses, proxies and websockets elsewhere are all refused."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            for url in (
                "https://example.com/",
                "https://x.com/",
                "https://localhost/",
                "http://192.0.2.1/",
                "https://[2001:db8::1]/",
            ):
                with pytest.raises(aiohttp.ClientConnectorError):
                    await sim.session.get(url)
                with pytest.raises(aiohttp.ClientConnectorError):
                    await sim.session.ws_connect(url)
            with pytest.raises(aiohttp.ClientConnectorError, match=r"proxy\.example"):
                await sim.session.get("https://api.x.com/", proxy="http://proxy.example:3128")
            # A token is allowed to go there, and it is still not let out.
            client = sim.connect(origins=["https://example.com"])
            with pytest.raises(aiohttp.ClientConnectorError):
                await status_of(client, "https://example.com/")
            assert [] == sim.log

    run(main())


# Every address that this interpreter looks up or connects to (PEP 578).
AUDITED = """
import asyncio, sys
SEEN = []
def hear(event, args):
    if event in ("socket.connect", "socket.sendto"):
        SEEN.append(args[1])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        SEEN.append(args[0])
sys.addaudithook(hear)

from oauthkit import OAuthKitError
from oauthkit.testing import failures, simulate

async def main():
    urls = ["/", "https://example.com/", "http://192.0.2.1/", "https://storage.googleapis.com/b"]
    for name in ("twitter", "generic", "google-service-account"):
        async with simulate(name) as sim:
            sim.server.redirect("/", 302, "https://example.com/")
            client = sim.connect(origins=["https://example.com"])
            for url in urls:
                for call in (client, sim.session):
                    try:
                        await call.get(url)
                    except (OSError, OAuthKitError, ValueError):
                        pass
        print(name, len(sim.log) > 0)

asyncio.run(main())
print({seen[0] if isinstance(seen, tuple) else seen for seen in SEEN}, len(SEEN) > 3)
"""


@proves_loopback
def test_the_interpreter_says_so_too() -> None:
    """Python's own audit hears of no address but the loopback's, and of no name looked up."""
    told = fresh(AUDITED).splitlines()
    assert ["twitter True", "generic True", "google-service-account True"] == told[:-1]
    assert "{'127.0.0.1'} True" == told[-1]


@proves_loopback
def test_redirects_lead_nowhere_else() -> None:
    """A service that redirects to a host that is not simulated leads to a refusal."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            sim.server.redirect("/away", 302, "https://example.com/")
            with pytest.raises(aiohttp.ClientConnectorError, match=r"example\.com"):
                await status_of(sim.connect(), "/away")

    run(main())


def test_without_a_loop() -> None:
    """It runs before any loop does; each loop gets a session, which ends with the loop."""
    with simulate("twitter") as sim:
        with pytest.raises(RuntimeError, match="there is none"):
            _ = sim.session
        sessions: list[aiohttp.ClientSession] = []

        async def main() -> None:
            sessions.append(sim.session)
            assert sim.session is sessions[-1]
            assert 200 == await status_of(sim.connect())

        run(main())
        asyncio.run(main())
        assert 2 == len(sim.log)
    assert sessions[0] is not sessions[1]
    assert all(one.closed for one in sessions)
    gc.collect()  # an unclosed one would warn now, and a warning is an error


def test_with_a_loop_that_stops_and_goes_on() -> None:
    """A session is a loop's own for as long as that is open, whether it runs or not."""
    with asyncio.Runner() as runner, simulate("twitter") as sim:

        async def get() -> aiohttp.ClientSession:
            assert 200 == await status_of(sim.connect())
            return sim.session

        first = runner.run(get())
        assert first is runner.run(get())
        assert not first.closed
    assert first.closed


def test_entering_again() -> None:
    """Entered twice it runs until it was left twice; what it issued is good afterwards, too."""

    async def main() -> None:
        sim = simulate("twitter")
        async with sim:
            outer = sim.session
            async with sim as same:
                assert same is sim
                client = sim.connect()
            assert outer is sim.session
            assert not outer.closed
            assert 200 == await status_of(client)
        states = [outer.closed]
        assert [True] == states
        for refused in ("session", "port"):
            with pytest.raises(RuntimeError, match="not run"):
                getattr(sim, refused)
        async with sim:
            assert sim.session is not outer
            assert 200 == await status_of(sim.connect())
        assert 2 == len(sim.log)

    run(main())


def test_entering_from_a_fixture_and_from_a_loop() -> None:
    """What was started without a loop goes on when a loop is done with it."""
    with simulate("twitter") as sim:

        async def main() -> aiohttp.ClientSession:
            async with sim:
                assert 200 == await status_of(sim.connect())
                opened = sim.session
            assert opened.closed
            return opened

        assert run(main()) is not run(main())
        assert 0 < sim.port


def test_a_session_that_was_closed() -> None:
    """Code under test that closes the session closes its own use of it, not the simulation's."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            await sim.session.close()
            assert 200 == await status_of(sim.connect())

    run(main())


def test_restarted_within_a_loop() -> None:
    """Started anew it listens elsewhere, and its session goes there."""

    async def main() -> None:
        sim = simulate("twitter")
        with sim:
            first = sim.session
            assert 200 == await status_of(sim.connect())
        with sim:
            assert sim.session is not first
            assert 200 == await status_of(sim.connect())

    run(main())


def test_leaving_nothing_behind() -> None:
    """No thread, no task, no open session, whatever happened inside."""
    before = set(threading.enumerate())

    async def main() -> None:
        async with simulate("twitter") as sim:
            opened.append(sim.session)
            await status_of(sim.connect())
            raise KeyError

    opened: list[aiohttp.ClientSession] = []
    with pytest.raises(KeyError):
        run(main())
    assert opened[0].closed
    assert before == set(threading.enumerate())


def test_two_in_one_session() -> None:
    """One session reaches two services, each by its own hosts; two of one kind share no host."""

    async def main() -> None:
        async with simulate("twitter") as x, simulate(KEYFILE) as google:
            async with session(x, google) as both:
                assert 200 == await status_of(connect("twitter", x.creds, session=both))
                assert 200 == await bucket(connect(KEYFILE, google.creds, session=both))
            with pytest.raises(aiohttp.ClientConnectorError):
                await status_of(connect("twitter", x.creds, session=google.session))
            assert (1, 2) == (len(x.log), len(google.log))
            with simulate("twitter") as other, pytest.raises(ValueError, match="two of the"):
                session(x, other)

    run(main())


def test_one_clock_for_two() -> None:
    """A clock is shared by passing it on."""
    first = simulate("twitter", clock=1000.0)
    second = simulate(acme, clock=first.clock)
    second.clock.advance(5)
    assert first.clock is second.clock
    assert 1005 == first.clock()


def test_a_session_of_ones_own() -> None:
    """A connector leads a session that the application makes itself to the service."""

    async def main() -> None:
        async with (
            simulate("twitter") as sim,
            aiohttp.ClientSession(connector=sim.connector()) as own,
        ):
            assert 200 == await status_of(connect("twitter", sim.creds, session=own))

    run(main())


def test_repr() -> None:
    """It names the provider and no secret."""
    assert "<Simulation of generic>" == repr(simulate("generic"))
