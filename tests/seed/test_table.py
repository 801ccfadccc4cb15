"""What the page documents and the release it belongs to never did; signatures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from oauthkit import AsyncAssertionClient, AsyncOAuth1Client, AsyncOAuth2Client, OAuthRequest, Token
from oauthkit.testing.servers import AssertionServer, OAuth1Server, OAuth2Server
from support import run

SITE = "https://api.twitter.com"
VERBS = ("get", "options", "head", "post", "put", "patch", "delete")

DOCUMENTED: list[tuple[str, Any]] = [
    ("session", inspect.Parameter.empty),
    ("client_id", inspect.Parameter.empty),
    ("client_secret", None),
    ("token", None),
    ("token_secret", None),
    ("redirect_uri", None),
    ("rsa_key", None),
    ("verifier", None),
    ("signature_method", "HMAC-SHA1"),
    ("signature_type", "HEADER"),
    ("force_include_body", False),
    ("realm", None),
]

DOCUMENTED_2: list[tuple[str, Any]] = [
    ("session", inspect.Parameter.empty),
    ("client_id", None),
    ("client_secret", None),
    ("client_auth_method", None),
    ("refresh_token_url", None),
    ("refresh_token_params", None),
    ("scope", None),
    ("redirect_uri", None),
    ("token", None),
    ("token_placement", "header"),
    ("state", None),
    ("token_updater", None),
]

# Beyond the page, whose first four and whose key have no default: today's token_endpoint= may
# stand in the place of token_url, and a missing one is told of by its name.
DOCUMENTED_ASSERTION: list[tuple[str, Any]] = [
    ("session", inspect.Parameter.empty),
    ("token_url", None),
    ("issuer", None),
    ("subject", None),
    ("audience", None),
    ("grant_type", None),
    ("claims", None),
    ("token_placement", "header"),
    ("scope", None),
    ("key", None),
    ("header", None),
    ("alg", None),
    ("expires_in", 3600),
]


@pytest.fixture(scope="module")
def server() -> Iterator[OAuth1Server]:
    """Play the page's host."""
    with OAuth1Server(hosts=["api.twitter.com"]) as playing:
        yield playing


def make(server: OAuth1Server, session: aiohttp.ClientSession, **options: Any) -> AsyncOAuth1Client:
    """Make the documented client, without a provider."""
    return AsyncOAuth1Client(session, server.client_id, server.client_secret, **options)


def _arguments(function: Any) -> list[tuple[str, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _keywords(function: Any) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


def test_signatures() -> None:
    """Names, order and defaults are the documented ones."""
    client = AsyncOAuth1Client
    assert DOCUMENTED == _arguments(client)
    empty = inspect.Parameter.empty
    steps: list[tuple[Any, list[str]]] = [
        (client.fetch_request_token, ["self", "url", "realm"]),
        (client.create_authorization_url, ["self", "url", "request_token"]),
        (client.parse_authorization_response, ["self", "url"]),
        (client.fetch_access_token, ["self", "url", "verifier"]),
    ]
    for step, names in steps:
        assert names == [name for name, _ in _arguments(step)]
        # Beyond the page: a provider knows the URLs, so that none has to be passed.
        assert {empty, None} >= {default for _, default in _arguments(step)}
    for verb in VERBS:
        assert ["self", "url"] == [name for name, _ in _arguments(getattr(client, verb))]
    assert issubclass(OAuthRequest, aiohttp.ClientRequest)


def test_signatures_of_oauth2() -> None:
    """Names, order and defaults are the documented ones; today's names are keywords."""
    client = AsyncOAuth2Client
    assert DOCUMENTED_2 == _arguments(client)
    fetching = ["url", "code", "authorization_response", "username", "password", "grant_type"]
    steps: list[tuple[Any, list[str]]] = [
        (client.create_authorization_url, ["url", "state"]),
        (client.fetch_token, fetching),
        (client.token_from_fragment, ["authorization_response"]),
        (client.refresh_token, ["url", "refresh_token"]),
        (client.revoke_token, ["url", "token", "token_type_hint"]),
        (client.introspect_token, ["url", "token", "token_type_hint"]),
        (client.register_compliance_hook, ["hook_type", "hook"]),
    ]
    for step, names in steps:
        _, *found = _arguments(step)
        assert names == [name for name, _ in found][: len(names)]
        # Beyond the page: a provider knows the URLs, and the client its token.
        assert {inspect.Parameter.empty, None} >= {default for _, default in found}
    for verb in VERBS:
        assert ["self", "url"] == [name for name, _ in _arguments(getattr(client, verb))]
    assert {
        "token_endpoint",
        "token_endpoint_auth_method",
        "update_token",
        "leeway",
        "code_challenge_method",
    } <= _keywords(client)


def test_signatures_of_assertions() -> None:
    """Names, order and defaults are the documented ones; today's name is a keyword."""
    client = AsyncAssertionClient
    assert DOCUMENTED_ASSERTION == _arguments(client)
    assert [("self", inspect.Parameter.empty)] == _arguments(client.refresh_token)
    for verb in VERBS:
        assert ["self", "url"] == [name for name, _ in _arguments(getattr(client, verb))]
    assert "token_endpoint" in _keywords(client)


def test_redirect_uri_and_realm(server: OAuth1Server) -> None:
    """Both reach the server."""

    async def main() -> None:
        async with server.session() as session:
            client = make(server, session, redirect_uri="https://example.com/a?b=c&d=%20")
            token = await client.fetch_request_token(f"{SITE}/oauth/request_token", "Photos")
            assert isinstance(token, Token)
            assert token is client.token
            client.redirect_uri = "https://your-domain.org/auth"
            assert "https://your-domain.org/auth" == client.redirect_uri
            await client.fetch_request_token(f"{SITE}/oauth/request_token", realm="Other")

    run(main())
    first, second = server.log[-2:]
    assert ("Photos", "https://example.com/a?b=c&d=%20") == (
        first.realm,
        first.parameter("oauth_callback"),
    )
    assert ("Other", "https://your-domain.org/auth") == (
        second.realm,
        second.parameter("oauth_callback"),
    )


@pytest.mark.parametrize("how", ["argument", "constructor", "callback", "token"])
def test_verifier(server: OAuth1Server, how: str) -> None:
    """It is sent, so that three steps lead to a token, wherever the client got it from."""

    async def main() -> None:
        async with server.session() as session:
            client = make(server, session, redirect_uri="https://example.com/twitter")
            await client.fetch_request_token(f"{SITE}/oauth/request_token")
            back = server.authorize(client.create_authorization_url(f"{SITE}/oauth/authenticate"))
            verifier = back.rpartition("oauth_verifier=")[2]
            arguments: tuple[str, ...] = ()
            if how == "argument":
                arguments = (verifier,)
            elif how == "callback":
                client.parse_authorization_response(back)
            else:
                kept = dict(client.token or {})
                client = make(server, session, verifier=verifier if how == "constructor" else None)
                client.token = (
                    kept if how == "constructor" else {**kept, "oauth_verifier": verifier}
                )
            token = await client.fetch_access_token(f"{SITE}/oauth/access_token", *arguments)
            assert {"oauth_token", "oauth_token_secret", "user_id", "screen_name"} == set(token)
            assert "oauth_verifier" not in (client.token or {})

    run(main())
    assert server.log[-1].parameter("oauth_verifier")
    assert server.log[-1].ok


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("request_class", [OAuthRequest, aiohttp.ClientRequest])
def test_verbs(server: OAuth1Server, verb: str, request_class: type[aiohttp.ClientRequest]) -> None:
    """Each verb works in both call styles, with the page's request class and without."""

    async def main() -> None:
        async with server.session(request_class=request_class) as session:
            client = make(server, session, token=server.token, token_secret=server.token_secret)
            call = getattr(client, verb)
            keywords: dict[str, Any] = {"params": {"a": "b c"}}
            if verb in ("post", "put", "patch"):
                keywords["data"] = {"status": "hello & good bye"}
            response = await call(f"{SITE}/echo", **keywords)
            assert 200 == response.status
            if verb != "head":
                assert "alice" == (await response.json())["user"]
            response.release()
            async with call(f"{SITE}/echo", **keywords) as response:
                assert 200 == response.status

    run(main())
    for exchange in server.log[-2:]:
        assert verb.upper() == exchange.method
        assert exchange.ok
        assert "header" == exchange.placement


async def _call_both_ways(client: AsyncOAuth2Client | AsyncAssertionClient, verb: str) -> None:
    """Await a call, and enter one, as the page does."""
    call = getattr(client, verb)
    response = await call("https://api.acme.example/echo")
    assert 200 == response.status
    response.release()
    async with call("https://api.acme.example/echo") as response:
        assert 200 == response.status


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("request_class", [OAuthRequest, aiohttp.ClientRequest])
def test_verbs_of_oauth2(verb: str, request_class: type[aiohttp.ClientRequest]) -> None:
    """Each verb works in both call styles, with a bearer token."""
    with OAuth2Server(hosts=["api.acme.example"]) as server:

        async def main() -> None:
            async with server.session(request_class=request_class) as session:
                client = AsyncOAuth2Client(session, server.client_id, token=server.issue())
                await _call_both_ways(client, verb)

        run(main())
        assert [verb.upper()] * 2 == [exchange.method for exchange in server.log]
        assert all(exchange.ok and exchange.placement == "header" for exchange in server.log)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("request_class", [OAuthRequest, aiohttp.ClientRequest])
def test_verbs_of_assertions(verb: str, request_class: type[aiohttp.ClientRequest]) -> None:
    """Each verb works in both call styles; the first fetches the token."""
    with AssertionServer(hosts=["api.acme.example"]) as server:

        async def main() -> None:
            async with server.session(request_class=request_class) as session:
                client = AsyncAssertionClient(
                    session,
                    server.token_endpoint,
                    server.client_email,
                    audience=server.token_endpoint,
                    key=server.private_key,
                    header={"alg": "RS256", "kid": server.key_id},
                )
                await _call_both_ways(client, verb)

        run(main())
        assert ["POST", *[verb.upper()] * 2] == [exchange.method for exchange in server.log]
        assert all(exchange.ok for exchange in server.log)


@pytest.mark.parametrize("spelling", ["oauth_token_secret", "oauth_secret"])
def test_both_spellings(server: OAuth1Server, spelling: str) -> None:
    """A token mapping may call its secret as either of the page's examples does."""

    async def main() -> None:
        async with server.session() as session:
            client = make(server, session)
            client.token = {"oauth_token": server.token, spelling: server.token_secret}
            async with client.get(f"{SITE}/2/users/me") as response:
                assert "alice" == (await response.json())["data"]["username"]
            kept = client.token
            assert kept is not None
            assert server.token_secret == kept["oauth_token_secret"]
            client.token = None
            assert client.token is None
            async with client.get(f"{SITE}/2/users/me") as response:
                assert 401 == response.status

    run(main())
