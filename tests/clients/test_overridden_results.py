"""What a declaration's overridden methods return is checked before it is sent, kept or believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from clients.oauth2_example import CALLBACK, LOGIN, ROBOT, SITE, TOKEN
from oauthkit import (
    AssertionProvider,
    ConfigurationError,
    MemoryStore,
    OAuth1Provider,
    OAuth2Provider,
    OAuthError,
    connect,
)
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server
from support import run

POST = "client_secret_post"


def overriding(like: OAuth2Provider, **methods: Any) -> OAuth2Provider:
    """Declare the service of *like*, with *methods* in place of the usual ones."""
    fields = {
        name: getattr(like, name)
        for name in ("name", "authorization_endpoint", "token_endpoint", "api_base", "grant_types")
    }
    kind: Any = type("Overriding", (OAuth2Provider,), methods)
    provider: OAuth2Provider = kind(**fields, token_endpoint_auth_method=POST)
    return provider


def returning(value: object) -> Callable[..., object]:
    """Make a method that returns *value*, whatever it is given."""

    def method(*_: object) -> object:
        return value

    return method


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"token": "t"}, "no access_token that can be sent"),
        ({"access_token": None}, "no access_token that can be sent"),
        ({"access_token": "a\nb"}, "no access_token that can be sent"),
        ({"access_token": "t", "refresh_token": 7}, "a refresh_token that is no text"),
        ({"access_token": "t", "token_type": []}, "a token_type that is no text"),
        ({"access_token": "t", "expires_in": "3600"}, "an expires_in that is no number"),
        ({"access_token": "t", "expires_at": float("nan")}, "an expires_at that is no number"),
        ({"access_token": "t", 1: 2}, "a name that is no text"),
    ],
)
def test_a_token_that_can_be_neither_sent_nor_kept(members: Any, fault: str) -> None:
    """It is told at once: stored, it would spoil every call from then on, also after a restart."""

    def parse_token(_: object, _status: int, _body: bytes, *, now: float) -> Any:
        assert now
        return members

    provider, store = overriding(ROBOT, parse_token=parse_token), MemoryStore()
    with OAuth2Server.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session, store=store)
                with pytest.raises(OAuthError) as caught:
                    await client.fetch_token()
                assert f"(parse_token() returned {fault}" in str(caught.value)
                assert "invalid_response" == caught.value.error
                assert client.token is None
                assert [] == [key async for key in store.iterate()]

        run(main())


def test_members_that_are_none_are_not_there() -> None:
    """As in an answer that nobody reads otherwise."""

    def parse_token(*_: object, **__: object) -> Mapping[str, Any]:
        return {"access_token": "t", "refresh_token": None, "expires_in": None}

    provider = overriding(ROBOT, parse_token=parse_token)
    with OAuth2Server.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session)
                assert {"access_token": "t"} == await client.fetch_token()

        run(main())


def _number(given: object) -> object:
    return {str(given): 1}


def _number_as_name(given: object) -> object:
    return {1: str(given)}


def _number_in_list(given: object) -> object:
    return {"code": [str(given), 1]}


@pytest.mark.parametrize("method", ["prepare_authorization", "prepare_token", "read_callback"])
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (id, "no mapping (type int)"),
        (str, "no mapping (type str)"),
        (list, "no mapping (type list)"),
        (_number, "a name or value that is no text (type int)"),
        (_number_as_name, "a name or value that is no text (type int)"),
        (_number_in_list, "a name or value that is no text (type "),
    ],
)
def test_what_is_no_mapping_of_texts(
    method: str, make: Callable[[object], object], said: str
) -> None:
    """The error names the method, shows nothing of what it got, and nothing is sent."""

    def override(_: object, given: object) -> object:
        return make(given)

    provider = overriding(LOGIN, **{method: override})
    with OAuth2Server.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session, redirect_uri=CALLBACK)
                request = client.create_authorization_url()
                back = f"{CALLBACK}&code=hush-hush&state={request.state}"
                await client.fetch_token(authorization_response=back)

        with pytest.raises(ConfigurationError) as caught:
            run(main())
        assert f"provider 'example': {method}() returned {said}" in str(caught.value)
        assert "hush-hush" not in str(caught.value)
        assert server.client_secret not in str(caught.value)
        assert [] == server.exchanges("/token")


@pytest.mark.parametrize(("made", "kind"), [(None, "NoneType"), ("claims", "str")])
def test_claims_that_are_no_mapping(made: object, kind: str) -> None:
    """Nothing is signed."""
    declared: Any = type("Claims", (AssertionProvider,), {"prepare_claims": returning(made)})
    provider: AssertionProvider = declared(name="own", token_endpoint=TOKEN, api_base=SITE)
    with AssertionServer.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                await connect(provider, server.creds, session=session).fetch_token()

        said = rf"provider 'own': prepare_claims\(\) returned no mapping \(type {kind}\)"
        with pytest.raises(ConfigurationError, match=said):
            run(main())
        assert [] == server.log


@pytest.mark.parametrize(("made", "kind"), [(None, "NoneType"), (b"GET&", "bytes")])
@pytest.mark.parametrize("method", ["HMAC-SHA1", "PLAINTEXT"])
def test_a_base_string_that_is_no_text(made: object, kind: str, method: str) -> None:
    """Nothing is sent, with PLAINTEXT either, which signs nothing of it."""
    override = {"signature_base_string": returning(made)}
    declared: Any = type("BaseString", (OAuth1Provider,), override)
    provider: OAuth1Provider = declared(name="own", api_base=SITE, signature_methods=[method])
    with OAuth1Server.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                await connect(provider, server.creds, session=session).get("/echo")

        said = rf"signature_base_string\(\) returned no text \(type {kind}\)"
        with pytest.raises(ConfigurationError, match=said):
            run(main())
        assert [] == server.log


def test_a_list_in_a_callback_is_not_believed() -> None:
    """A parser like parse_qs() gives lists: none of them is compared with the state, or sent."""

    def read_callback(_: object, url: str) -> Any:
        return {"code": ["c"], "state": url.partition("state=")[2]}

    provider = overriding(LOGIN, read_callback=read_callback)

    async def main() -> None:
        creds = {"client_id": "i", "client_secret": "s"}
        async with connect(provider, creds, redirect_uri=CALLBACK) as client:
            state = client.create_authorization_url().state
            await client.fetch_token(authorization_response=f"{CALLBACK}&code=c&state={state}")

    with pytest.raises(ConfigurationError, match=r"read_callback\(\) .*\(type list\)"):
        run(main())


def test_a_secret_inside_of_what_is_sent_is_masked() -> None:
    """Where a service wants all in one member, what it quotes of it is a secret all the same."""

    def prepare_token(_: object, form: Mapping[str, str]) -> Mapping[str, str]:
        return {"data": json.dumps(dict(form))}

    provider = overriding(LOGIN, prepare_token=prepare_token)
    with OAuth2Server.for_provider(provider) as server:
        told = {"error": "invalid_grant", "error_description": "r-hush-hush is unknown"}
        server.respond("/token", status=400, body=json.dumps(told))

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session)
                await client.refresh_token(refresh_token="r-hush-hush")

        with pytest.raises(OAuthError) as caught:
            run(main())
        assert "*** is unknown" == caught.value.error_description
        assert "r-hush-hush" in (server.exchanges("/token")[0].parameter("data") or "")


def test_the_redirect_uri_that_was_sent_is_sent_again() -> None:
    """RFC 6749 §4.1.3: the token request repeats it, wherever it was written."""
    sent = "https://app.example/elsewhere"

    def prepare_authorization(_: object, params: Mapping[str, str]) -> Mapping[str, str]:
        return {**params, "redirect_uri": sent}

    provider = overriding(LOGIN, prepare_authorization=prepare_authorization)
    with OAuth2Server.for_provider(provider) as server:
        server.respond("/token", body=json.dumps({"access_token": "t"}))

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session, redirect_uri=CALLBACK)
                request = client.create_authorization_url()
                assert sent == request.redirect_uri
                back = f"{sent}?code=c&state={request.state}"
                await client.fetch_token(authorization_response=back)

        run(main())
        assert sent == server.exchanges("/token")[0].parameter("redirect_uri")
