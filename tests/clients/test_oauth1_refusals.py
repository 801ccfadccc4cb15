"""Who says no in the three steps of RFC 5849 §2, and what is left afterwards: nothing is lost."""

from __future__ import annotations

import pytest

from clients.example import (
    ACCESS_TOKEN,
    CALLBACK,
    REQUEST_TOKEN,
    SITE,
    declare,
    make,
    playing,
    take_three_steps,
    whoami,
)
from oauthkit import CallbackError, OAuthError, RequestError
from support import run

pytestmark = pytest.mark.proves(
    "OAuth 1.0a",
    "refusals, replay, a callback for another token",
    rfc="RFC 5849 §2, §3.3, §4.12",
    judge="none but ours",
)


def test_unconfirmed_callback() -> None:
    """§2.1: without oauth_callback_confirmed=true there is no token, unless it is declared."""
    strict, lenient = declare(), declare(allow_unconfirmed_callback=True)
    with playing(strict) as server:
        plain = "oauth_token=t&oauth_token_secret=s"
        for body in (plain, f"{plain}&oauth_callback_confirmed=false"):
            server.respond(REQUEST_TOKEN, body=body)

            async def main() -> None:
                async with server.session() as session:
                    client = make(strict, server, session)
                    with pytest.raises(OAuthError, match="allow_unconfirmed_callback") as caught:
                        await client.fetch_request_token()
                    assert "callback_not_confirmed" == caught.value.error
                    assert SITE + REQUEST_TOKEN == caught.value.endpoint
                    assert client.token is None
                    client = make(lenient, server, session)
                    await client.fetch_request_token()
                    assert client.token is not None

            run(main())


def test_missing_verifier() -> None:
    """§2.2 and §2.3: no verifier, no exchange, and nothing is sent, unless it is declared."""
    strict, lenient = declare(), declare(allow_missing_verifier=True)
    with playing(strict) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(strict, server, session)
                asked = await client.fetch_request_token()
                url = f"{CALLBACK}&oauth_token={asked['oauth_token']}"
                with pytest.raises(CallbackError, match="allow_missing_verifier") as caught:
                    client.parse_authorization_response(url)
                assert "missing_verifier" == caught.value.error
                for verifier in (None, ""):
                    with pytest.raises(RequestError, match="verifier is missing"):
                        await client.fetch_access_token(verifier=verifier)
                assert asked is client.token
                assert 1 == len(server.log)

                server.respond(ACCESS_TOKEN, body="oauth_token=t&oauth_token_secret=s")
                client = make(lenient, server, session)
                client.token = asked
                client.parse_authorization_response(url)
                assert "t" == (await client.fetch_access_token())["oauth_token"]
                assert server.log[-1].parameter("oauth_verifier") is None

        run(main())


def test_denied() -> None:
    """A user who refuses is told apart from a callback that is broken; nothing is lost."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                asked = await client.fetch_request_token()
                back = server.authorize(client.create_authorization_url(), approve=False)
                with pytest.raises(CallbackError, match="the user refused") as caught:
                    client.parse_authorization_response(back)
                assert "access_denied" == caught.value.error
                assert asked is client.token

        run(main())


def test_callback_for_another_token() -> None:
    """§4.12: a callback belongs to the request token that this client asked for, or to nobody."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client, other = (make(provider, server, session) for _ in range(2))
                asked = await client.fetch_request_token()
                await other.fetch_request_token()
                back = server.authorize(other.create_authorization_url(), user="eve")
                with pytest.raises(CallbackError, match="another request token") as caught:
                    client.parse_authorization_response(back)
                assert ("token_mismatch", "example") == (caught.value.error, caught.value.provider)
                assert asked is client.token
                other.parse_authorization_response(back)

        run(main())


def test_wrong_verifier() -> None:
    """§2.3: the server's refusal is shown with its code; the request token stays good."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                asked = await client.fetch_request_token()
                back = server.authorize(client.create_authorization_url())
                with pytest.raises(OAuthError) as caught:
                    await client.fetch_access_token(verifier="wrong-one")
                error = caught.value
                assert (401, "32", f"{SITE}{ACCESS_TOKEN}", "example") == (
                    error.status,
                    error.error,
                    error.endpoint,
                    error.provider,
                )
                assert "Could not authenticate you: wrong oauth_verifier" == error.error_description
                assert asked is client.token
                client.parse_authorization_response(back)
                await client.fetch_access_token()

        run(main())


def test_replays() -> None:
    """§3.3: a nonce that was used, and a request token that was exchanged, are refused."""
    provider = declare()
    with playing(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session, nonce=lambda: "always-the-same")
                asked = await client.fetch_request_token()
                with pytest.raises(OAuthError, match="nonce used before"):
                    await client.fetch_request_token()
                assert asked is client.token

                client = make(provider, server, session)
                await take_three_steps(client, server)
                kept = client.token
                spent = server.log[-1].parameter("oauth_verifier")
                client.token = {"oauth_token": "gone", "oauth_token_secret": "gone"}
                with pytest.raises(OAuthError, match="Invalid or expired token"):
                    await client.fetch_access_token(verifier=spent)
                client.token = kept
                assert "alice" == await whoami(client)

        run(main())


def test_wrong_callback() -> None:
    """§2.1: a callback that is not registered is the server's to refuse."""
    provider = declare()
    with playing(provider, callbacks=["https://app.example/registered"]) as server:

        async def main() -> None:
            async with server.session() as session:
                client = make(provider, server, session)
                with pytest.raises(OAuthError, match="none of those registered") as caught:
                    await client.fetch_request_token()
                assert "415" == caught.value.error
                client.redirect_uri = "https://app.example/registered"
                await client.fetch_request_token()

        run(main())
