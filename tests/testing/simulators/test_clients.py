"""Each kind of provider, unchanged, against its simulated service: log-in, call, expiry, log."""

from __future__ import annotations

from typing import Literal

import pytest

from oauthkit import OAuth1Provider, OAuthError, connect
from oauthkit.testing import simulate
from support import run
from testing.simulators.examples import (
    BUCKET,
    KEYFILE,
    acme,
    bucket,
    log_in_oauth1,
    log_in_oauth2,
    status_of,
)

pytestmark = pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "simulators play the declaration unchanged",
    rfc=None,
    judge="none but ours",
)

NOW = 1_700_000_000.0


def test_the_lines_of_the_readme() -> None:
    """The name, what it gives as credentials and session, and nothing else."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            async with (
                connect("twitter", sim.creds, session=sim.session) as x,
                x.get("/2/users/me") as response,
            ):
                assert "alice" == (await response.json())["data"]["username"]
            assert "https://api.x.com/2/users/me" == sim.last.url
            assert sim.last.ok
            assert {"client", "token", "signature", "nonce"} < {
                check.name for check in sim.last.checks
            }

    run(main())


@pytest.mark.parametrize("provider", ["twitter", acme], ids=["twitter", "acme"])
def test_oauth1(provider: OAuth1Provider | Literal["twitter"]) -> None:
    """A log-in, a call by that user, and a token that is revoked; each request was checked."""

    async def main() -> None:
        async with simulate(provider) as sim:
            client = await log_in_oauth1(sim)
            async with client.get("/1.1/account/verify_credentials.json") as response:
                assert 200 == response.status
            assert client.token is not None
            assert "bob" == client.token["screen_name"]
            assert [200, 200, 200] == [found.status for found in sim.log]
            assert all(found.ok for found in sim.log)
            assert 1 == len(sim.requests("temporary_credentials")) == sim.token_requests
            sim.revoke(client.token["oauth_token"])
            assert 401 == await status_of(client)
            assert ("token",) == sim.last.failed
            client.token = token = sim.issue("carol")
            assert 200 == await status_of(client)
            with pytest.raises(ValueError, match=r"revoke\(\)"):
                sim.expire(token["oauth_token"])
            with pytest.raises(ValueError, match="no scope"):
                sim.issue("carol", "read")

    run(main())


def test_oauth2_code() -> None:
    """A log-in with PKCE and state; an hour later the token is renewed, once, before the call."""

    async def main() -> None:
        async with simulate("generic", clock=NOW) as sim:
            client = await log_in_oauth2(sim)
            assert {"code", "redirect_uri", "code_verifier"} < {
                check.name for check in sim.last.checks
            }
            assert 200 == await status_of(client)
            assert 1 == sim.token_requests
            sim.clock.advance(3600)
            assert [200] * 3 == [await status_of(client) for _ in range(3)]
            assert 2 == sim.token_requests
            assert "refresh_token" == sim.requests("token")[1].parameter("grant_type")
            assert all(found.ok for found in sim.log)
            # The log-in leaves no trace there: the user's answer was given by the test.
            assert [] == sim.requests("authorization")

    run(main())


def test_refusal() -> None:
    """The user may refuse, and the client is told of it as the service would."""

    async def main() -> None:
        async with simulate("generic") as sim:
            client = sim.connect(sim.client_creds, redirect_uri="https://app.example/callback")
            url, _ = client.create_authorization_url()
            with pytest.raises(OAuthError, match="access_denied"):
                await client.fetch_token(authorization_response=sim.authorize(url, approve=False))
            with pytest.raises(ValueError, match=r"elsewhere\.example"):
                sim.authorize("https://elsewhere.example/authorize")

    run(main())


@pytest.mark.parametrize(
    ("grant_type", "at_first"),
    [
        ("authorization_code", 0),
        ("refresh_token", 0),
        ("client_credentials", 1),
        ("password", 1),
    ],
)
def test_every_grant_of_generic(grant_type: str, at_first: int) -> None:
    """The credentials are the whole flat mapping; a token comes with them where one is kept."""

    async def main() -> None:
        async with simulate("generic", grant_type=grant_type, clock=NOW) as sim:
            assert grant_type == sim.creds["grant_type"]
            assert at_first == ("access_token" not in sim.creds)
            client = connect("generic", sim.creds, session=sim.session, clock=sim.clock)
            assert 200 == await status_of(client)
            assert at_first == sim.token_requests
            sim.clock.advance(3599)
            assert 200 == await status_of(client)
            assert at_first + 1 == sim.token_requests
            assert all(found.ok for found in sim.log)

    run(main())


def test_settings_of_generic() -> None:
    """The settings of an application stand as they are: endpoints, client and user included."""
    settings = {
        "grant_type": "password",
        "token_endpoint": "https://login.example.org/oauth/token",
        "api_base": "https://api.example.org/v1/",
        "client_id": "mine",
        "client_secret": "made-up",
        "username": "ann",
        "password": "made-up, too",
    }

    async def main() -> None:
        async with simulate("generic", settings=settings) as sim:
            assert settings == sim.creds
            client = sim.connect()
            assert 200 == await status_of(client, "albums")
            assert ["/oauth/token", "/v1/albums"] == [found.path for found in sim.log]
            assert all(found.ok for found in sim.log)

    run(main())


def test_a_kept_token_is_as_old_as_the_clock_says() -> None:
    """The credentials' token counts from when it was issued, not from when a client is made."""

    async def main() -> None:
        async with simulate("generic", clock=NOW) as sim:
            assert NOW + 3600 == sim.creds["expires_at"]
            sim.clock.advance(3600)
            assert NOW + 3600 == sim.creds["expires_at"]
            assert 200 == await status_of(sim.connect())
            assert 1 == sim.token_requests

    run(main())


def test_service_account() -> None:
    """The key file is as the service hands it out; an hour later there is a second assertion."""

    async def main() -> None:
        async with simulate(KEYFILE, clock=NOW) as sim:
            assert "service_account" == sim.creds["type"]
            assert sim.client_creds == sim.creds
            client = sim.connect(scope="read")
            assert 200 == await bucket(client)
            sim.clock.advance(3599)
            assert [200] * 3 == [await bucket(client) for _ in range(3)]
            assert 2 == sim.token_requests
            assert {"assertion", "signature", "aud", "exp"} < {
                check.name for check in sim.requests("token")[0].checks
            }
            assert all(found.ok for found in sim.log)
            assert 4 == len(sim.requests("api"))
            assert BUCKET == sim.last.url
            client.token = sim.issue("ann@example.com", "read")
            async with client.get(BUCKET) as response:
                answer = await response.json()
            assert ("ann@example.com", "read") == (answer["user"], answer["scope"])
            with pytest.raises(ValueError, match="asks no user"):
                sim.authorize("https://accounts.google.com/")

    run(main())


def test_expire_and_issue() -> None:
    """A token is over before its time; one that was issued by hand is as good as any."""

    async def main() -> None:
        async with simulate("generic") as sim:
            client = sim.connect()
            sim.expire(sim.creds["access_token"])
            assert 200 == await status_of(client)
            assert [401, 200] == [found.status for found in sim.requests("api")]
            assert 1 == sim.token_requests
            token = sim.issue("carol", "read write")
            client = sim.connect({**sim.client_creds, **token})
            async with client.get("/echo") as response:
                answer = await response.json()
            assert ("carol", "read write") == (answer["user"], answer["scope"])
            sim.revoke(token["refresh_token"])
            with pytest.raises(OAuthError, match="it was revoked"):
                await status_of(client)
            with pytest.raises(ValueError, match="no such token"):
                sim.expire("never issued")

    run(main())


def test_views_of_the_log() -> None:
    """By path, by name, the last; and a view that does not exist says which do."""

    async def main() -> None:
        async with simulate("twitter") as sim:
            with pytest.raises(LookupError, match="no request"):
                _ = sim.last
            client = sim.connect()
            await status_of(client)
            await status_of(client, "https://upload.x.com/1.1/media/upload.json")
            assert sim.log == sim.requests("api")
            assert [sim.last] == sim.requests("/1.1/media/upload.json")
            assert [] == sim.requests("token")
            with pytest.raises(ValueError, match=r"'apis': .*'api', 'temporary_credentials'"):
                sim.requests("apis")

    run(main())
