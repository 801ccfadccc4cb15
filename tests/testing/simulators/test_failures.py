"""Each failure: what the client says of it, what the service did, and that it is over then."""

from __future__ import annotations

import re

import aiohttp
import pytest

from docs.pages import read
from oauthkit import OAuthError, ReauthorizationRequired, UnreachableError, connect
from oauthkit.testing import failures, simulate
from oauthkit.testing.servers.failures import Drip, huge
from support import run
from testing.simulators.examples import KEYFILE, acme, bucket, log_in_oauth1, status_of

pytestmark = pytest.mark.proves(
    "Servers, simulators and laws for tests", "simulated failures", rfc=None, judge="none but ours"
)

NOW = 1_700_000_000.0


def test_the_page_lists_each() -> None:
    """The table of the page has every failure that there is."""
    rows = re.findall(r"^\| `(\w+)\(", read("docs/test-your-application.md"), flags=re.MULTILINE)
    assert sorted(failures.__all__) == sorted(rows)


def test_a_status() -> None:
    """A bare status at the API, once; the next call is answered as ever."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            client = sim.connect()
            sim.fail("api", failures.status(503, headers={"Retry-After": "9"}))
            async with client.get("/x") as response:
                assert (503, "9", b"") == (
                    response.status,
                    response.headers["Retry-After"],
                    await response.read(),
                )
            assert 200 == await status_of(client)
            assert [(503, "status 503"), (200, "")] == [(e.status, e.failure) for e in sim.log]
            assert sim.log[0].ok

    run(main())


def test_an_error_of_the_token_endpoint() -> None:
    """An error in JSON reaches the caller by its name; nothing was spent, and the next one works."""

    async def main() -> None:
        async with simulate("generic") as sim:
            client = sim.connect(retries=0)
            sim.fail("token", failures.status(400, "temporarily_unavailable", "later"), times=2)
            for _ in range(2):
                with pytest.raises(OAuthError, match="later") as caught:
                    await client.refresh_token()
                assert "temporarily_unavailable" == caught.value.error
            await client.refresh_token()
            assert ["status 400", "status 400", ""] == [e.failure for e in sim.log]

    run(main())


def test_a_page() -> None:
    """A page in place of a token is told by its title."""

    async def main() -> None:
        async with simulate("generic", grant_type="client_credentials") as sim:
            client = sim.connect()
            sim.fail("token", failures.html(200, "Sign in to the <network>"))
            with pytest.raises(OAuthError, match="Sign in"):
                await client.fetch_token()
            sim.fail("api", failures.html())
            assert 502 == await status_of(client)
            assert ["html", "", "html"] == [e.failure for e in sim.log]

    run(main())


def test_a_drip() -> None:
    """An answer that begins and does not end: the client's deadline ends it, or its release."""

    async def main() -> None:
        async with simulate(acme) as sim:
            drip = failures.drip(b"a", b"b", content_type="text/plain")
            sim.fail("api", drip)
            async with sim.connect().get("/x") as response:
                assert b"a" == await response.content.readexactly(1)
                drip.release()
                assert b"b" == await response.read()
            client = sim.connect(sim.client_creds, redirect_uri="oob", deadline=0.05)
            sim.fail("temporary_credentials", failures.drip())
            with pytest.raises(UnreachableError, match="did not answer within"):
                await client.fetch_request_token()
            assert ["drip", "drip"] == [e.failure for e in sim.log]

    run(main())


def test_closing_does_not_wait_for_a_drip() -> None:
    """Leaving cuts what drips."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            sim.fail("api", Drip(first=b"o"))
            async with sim.connect().get("/x") as response:
                assert b"o" == await response.content.readexactly(1)

    run(main())


def test_dropped_after_the_answer_was_made() -> None:
    """The code is spent, the token is issued, and the client has none: another try is refused."""

    async def main() -> None:
        async with simulate("generic") as sim:
            client = sim.connect(sim.client_creds, redirect_uri="https://app.example/callback")
            request = client.create_authorization_url()
            came_back = sim.authorize(request.url)
            sim.fail("token", failures.dropped())
            with pytest.raises(UnreachableError, match="hung up"):
                await client.fetch_token(authorization_response=came_back, request=request)
            assert (200, "dropped") == (sim.last.status, sim.last.failure)
            assert sim.last.ok
            again = sim.connect(sim.client_creds, redirect_uri="https://app.example/callback")
            with pytest.raises(OAuthError) as caught:
                await again.fetch_token(authorization_response=came_back, request=request)
            assert "invalid_grant" == caught.value.error
            assert ("code",) == sim.last.failed

    run(main())


def test_dropped_within_the_answer() -> None:
    """Some octets of the answer come: what was sent is the true beginning, and it is cut there."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            sim.fail("/2/users/me", failures.dropped(8))
            async with sim.connect().post("/2/users/me") as response:
                assert 200 == response.status
                assert b'{"data":' == await response.content.readexactly(8)
                with pytest.raises(aiohttp.ClientPayloadError):
                    await response.read()
            sim.fail("/2/users/me", failures.dropped(10_000))
            assert 500 == await status_of(sim.connect())

    run(main())


def test_dropped_in_oauth1() -> None:
    """The temporary credentials are exchanged, and lost; the log-in begins anew."""

    async def main() -> None:
        async with simulate(acme) as sim:
            sim.fail("token", failures.dropped())
            with pytest.raises(UnreachableError):
                await log_in_oauth1(sim)
            assert (200, "dropped") == (sim.last.status, sim.last.failure)
            client = await log_in_oauth1(sim)
            assert 200 == await status_of(client)

    run(main())


def test_rotated_and_lost() -> None:
    """The service has rotated, nobody has the new token, and the old one revokes the family."""

    async def main() -> None:
        async with simulate("generic", clock=NOW) as sim:
            client = sim.connect()
            sim.fail("token", failures.rotated_and_lost())
            sim.clock.advance(3600)
            for _ in range(2):
                with pytest.raises(ReauthorizationRequired) as caught:
                    await status_of(client)
                assert "invalid_grant" == caught.value.error
            # It was sent once more, and not again.
            assert (400, "") == (sim.last.status, sim.last.failure)
            assert (200, "rotated_and_lost") == (sim.log[-2].status, sim.log[-2].failure)
            assert 2 == sim.token_requests

    run(main())


def test_rotated_and_lost_waits_for_a_refresh() -> None:
    """A log-in before it is answered; a service that refreshes nothing has nothing to lose."""

    async def main() -> None:
        async with simulate("generic", grant_type="password") as sim:
            client = sim.connect()
            sim.fail("token", failures.rotated_and_lost())
            assert 200 == await status_of(client)
            with pytest.raises(OAuthError, match="invalid_grant"):
                await client.refresh_token()

    run(main())
    for name in ("twitter", KEYFILE):
        with pytest.raises(ValueError, match="no refresh tokens"):
            simulate(name).fail("token", failures.rotated_and_lost())


def test_a_client_with_a_clock_that_is_wrong() -> None:
    """An OAuth 1.0a timestamp is refused by a service ten minutes ahead, and its Date is its own."""

    async def main() -> None:
        async with simulate(acme, clock=NOW, skew=600) as sim:
            async with sim.connect().get("/x") as response:
                assert 401 == response.status
                assert "Tue, 14 Nov 2023 22:23:20 GMT" == response.headers["Date"]
            assert ("timestamp",) == sim.last.failed
            assert "600 s behind the server's clock" == sim.last.checks[-1].detail
            sim.skew = 0
            assert 200 == await status_of(sim.connect())

    run(main())


def test_a_declaration_that_corrects_the_clock() -> None:
    """Where the declaration takes the time from Date, the second try is accepted."""

    async def main() -> None:
        async with simulate("twitter", clock=NOW) as sim:
            sim.skew = -600
            assert 200 == await status_of(sim.connect())
            assert [("timestamp",), ()] == [found.failed for found in sim.log]

    run(main())


def test_an_assertion_from_the_future() -> None:
    """A service that is behind refuses ``iat``; one that is ahead by its whole life, ``exp``."""

    async def main() -> None:
        async with simulate(KEYFILE, clock=NOW, skew=-60) as sim:
            with pytest.raises(OAuthError, match="iat is in the future"):
                await bucket(sim.connect())
            assert -60 == sim.skew
            sim.skew = 7200
            with pytest.raises(OAuthError, match="exp is over"):
                await bucket(sim.connect())
            assert [("iat",), ("exp",)] == [found.failed for found in sim.log]

    run(main())


def test_failures_wait_for_each_other() -> None:
    """In their order, a path's own before the API's; the handlers of the servers do as well."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            sim.fail("api", failures.status(500))
            sim.fail("/2/users/me", failures.status(501))
            sim.fail("/2/users/me", huge(10), times=2)
            sim.server.respond("/2/users/me", 410)
            client = sim.connect()
            statuses = [await status_of(client) for _ in range(5)]
            assert [501, 200, 200, 500, 410] == statuses
            assert ["status 501", "huge", "huge", "status 500", ""] == [
                found.failure for found in sim.log
            ]

    run(main())


def test_until_restored() -> None:
    """Without a number it goes on; undone, all is well."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            client = sim.connect()
            sim.fail("api", failures.status(500), times=None)
            assert [500] * 3 == [await status_of(client) for _ in range(3)]
            sim.restore("api")
            assert 200 == await status_of(client)
            with pytest.raises(ValueError, match="times = 0"):
                sim.fail("api", failures.status(500), times=0)

    run(main())


def test_aiohttp_sends_a_get_again() -> None:
    """On a connection that was kept alive aiohttp hides a drop: it sends the request again, signed anew."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            client = connect("twitter", sim.creds, session=sim.session)
            assert 200 == await status_of(client)
            sim.fail("api", failures.dropped())
            assert 200 == await status_of(client)
            assert ["", "dropped", ""] == [found.failure for found in sim.log]

    run(main())
