"""The OAuth 2 client's endpoints, placements and refusals, against the embedded server."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import pytest
from aiohttp import web

from clients.oauth2_example import (
    LOGIN,
    ROBOT,
    TOKEN,
    call,
    declare,
    log_in,
    make,
)
from oauthkit import (
    AsyncOAuth2Client,
    ConfigurationError,
    ForeignOriginError,
    MemoryStore,
    OAuthError,
    RequestError,
    connect,
)
from oauthkit.testing.servers import OAuth2Server
from support import run

# How the client says who it is, and where the token goes.


@pytest.mark.parametrize(
    ("method", "placement"),
    [("client_secret_basic", "header"), ("client_secret_post", "body"), ("none", "")],
)
def test_client_authentication(method: str, placement: str) -> None:
    """§2.3: the secret is in the header, in the form, or nowhere; a public client names itself."""
    provider = declare("authorization_code", token_endpoint_auth_method=method)
    with OAuth2Server.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                creds = {**server.creds, **server.issue("alice")}
                client = connect(provider, creds, session=session)
                await client.refresh_token()

        run(main())
        (asked,) = server.exchanges("/token")
        assert asked.ok
        assert placement == asked.placement
        in_form = {"header": set[str](), "body": {"client_id", "client_secret"}}
        names = {name for name, _ in asked.parameters if name.startswith("client_")}
        assert in_form.get(placement, {"client_id"}) == names


def test_a_host_of_another_script_is_asked_in_ascii() -> None:
    """RFC 5891 §4.4: it is bücher.example where it is declared, and xn--… where it is sent."""
    provider = declare(
        "client_credentials",
        authorization_endpoint="https://www.bücher.example/authorize?tenant=ä",
        token_endpoint="https://login.bücher.example/token",
        api_base="https://api.bücher.example/",
    )
    with OAuth2Server.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session)
                await client.fetch_token()
                url, _ = client.create_authorization_url(state="s")
                assert url.startswith(
                    "https://www.xn--bcher-kva.example/authorize?tenant=%C3%A4&response_type=code"
                )

        run(main())
        (asked,) = server.exchanges("/token")
        assert asked.header("Host") == "login.xn--bcher-kva.example"


@pytest.mark.parametrize("placement", ["header", "body", "query"])
def test_placements(placement: str) -> None:
    """RFC 6750 §2: the token is where the declaration says, and what it is put beside stays."""
    provider = declare("client_credentials", token_placement=placement)
    with OAuth2Server.for_provider(provider) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(provider, server.creds, session=session)
                async with client.post("/echo?a=%2B", data={"b": "2 &"}) as response:
                    echoed = await response.json()
                assert ([["a", "+"]], [["b", "2 &"]]) == (echoed["query"], echoed["form"])

        run(main())
        (echo,) = server.exchanges("/echo")
        assert (True, placement) == (echo.ok, echo.placement)


# Other endpoints, and what is refused.


def test_revoke_and_introspect() -> None:
    """RFC 7662 §2 and RFC 7009 §2: what a token is, its end, and what it is then."""
    with OAuth2Server.for_provider(LOGIN) as server:

        async def main() -> None:
            async with server.session() as session:
                client = log_in(server, session)
                with pytest.raises(RequestError, match="no token in memory"):
                    await client.revoke_token()
                client.token = held = server.issue("alice", "read")
                access = held["access_token"]
                answer = await client.introspect_token(token=access, token_type_hint="access_token")
                assert (True, "read") == (answer["active"], answer["scope"])
                await client.revoke_token()
                for token in (access, None):
                    assert {"active": False} == await client.introspect_token(token=token)
                (revoked,) = server.exchanges("/revoke")
                assert held["refresh_token"] == revoked.parameter("token")

        run(main())
        assert all(one.ok for one in server.log)


@pytest.mark.proves(
    "Where secrets may go",
    "OAuth 2: no secret in an error or a repr",
    rfc="RFC 6749 §10.3",
    judge="none but ours",
)
def test_a_refusal_shows_no_secret() -> None:
    """§5.2: error and error_description are the server's, and nothing that was sent shows."""
    secret, refresh = "client secret/+&", "refresh token/+&"
    with OAuth2Server(hosts=["api.example"], client_secret=secret) as server:

        async def quote_all(request: web.Request) -> web.StreamResponse:
            text = f"{secret} {refresh} {await request.text()} {request.headers['Authorization']}"
            said = {"error": "invalid_grant", "error_description": f"no good: {text}"}
            return web.json_response(said, status=400)

        server.respond("/token", body=quote_all)

        async def main() -> None:
            async with server.session() as session:
                token = {"access_token": "an access token", "refresh_token": refresh}
                client = make(server, session, token_endpoint=TOKEN, token=token)
                with pytest.raises(OAuthError) as caught:
                    await client.refresh_token()
                assert ("invalid_grant", 400) == (caught.value.error, caught.value.status)
                assert (caught.value.error_description or "").startswith("no good: ")
                error: BaseException | None = caught.value
                shown = repr(client)
                while error is not None:
                    shown += f"{error} {error!r} {vars(error)}"
                    error = error.__cause__ or error.__context__
                basic = f"{quote_plus(server.client_id)}:{quote_plus(secret)}".encode()
                for value in (secret, refresh):
                    for form in (value, quote_plus(value), quote(value, safe="")):
                        assert form not in shown
                assert b64encode(basic).decode() not in shown

        run(main())


def test_a_refusal_of_the_client() -> None:
    """§5.2: a wrong secret is invalid_client, for a call as for fetch_token()."""
    with OAuth2Server.for_provider(ROBOT) as server:

        async def main() -> None:
            async with server.session() as session:
                creds = {**server.creds, "client_secret": "another"}
                client = connect(ROBOT, creds, session=session)
                for attempt in (client.fetch_token, lambda: call(client)):
                    with pytest.raises(OAuthError) as caught:
                        await attempt()
                    assert ("invalid_client", 401) == (caught.value.error, caught.value.status)
                    assert TOKEN == caught.value.endpoint
                    assert caught.value.error_description

        run(main())
        assert ["/token"] * 2 == [one.path for one in server.log]


def test_a_store_needs_a_token_endpoint() -> None:
    """Without provider and token endpoint, two servers would share one record."""
    with pytest.raises(ConfigurationError, match="token_endpoint"):
        AsyncOAuth2Client(None, "id", "secret", store=MemoryStore())
    AsyncOAuth2Client(None, "id", "secret", store=MemoryStore(), token_endpoint=TOKEN)


@pytest.mark.proves(
    "Where secrets may go", "secrets go to https only", rfc="RFC 6749 §3.2", judge="none but ours"
)
def test_plain_http_is_refused() -> None:
    """§3.2: an http token endpoint is refused when it is given or passed, and nothing is sent."""
    with OAuth2Server(hosts=["api.example"]) as server:

        async def main() -> None:
            plain = "http://api.example/token"
            async with server.session() as session:
                for name in ("token_endpoint", "refresh_token_url"):
                    with pytest.raises(ConfigurationError, match=rf"^{name}: .*https"):
                        make(server, session, **{name: plain})
                client = make(server, session, token={"access_token": "A", "refresh_token": "R"})
                for attempt in (client.fetch_token, client.refresh_token, client.revoke_token):
                    with pytest.raises(RequestError, match="https"):
                        await attempt(plain)

        run(main())
        assert [] == server.log


@pytest.mark.parametrize("url", ["/token", "https://u:secret@api.example/t", f"{TOKEN}#f", 7])
def test_an_endpoint_that_is_none(url: object) -> None:
    """What no request could go to is told when the client is made, by its name, and not quoted."""
    given: Any = url
    for name in ("token_endpoint", "refresh_token_url"):
        with pytest.raises(ConfigurationError, match=f"^{name}: ") as caught:
            AsyncOAuth2Client(None, "id", "secret", **{name: given})
        assert "secret" not in str(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.proves(
    "Where secrets may go", "a URL elsewhere is refused unsent", rfc=None, judge="none but ours"
)
def test_foreign_origins() -> None:
    """A token goes nowhere but to what is declared, nor do the client's secrets; nothing is sent."""
    with OAuth2Server(hosts=["api.example", "other.example"]) as server:

        async def main() -> None:
            async with server.session() as session:
                client = connect(ROBOT, server.creds, session=session)
                with pytest.raises(ForeignOriginError):
                    await call(client, "https://other.example/echo")
                with pytest.raises(ForeignOriginError):
                    await client.fetch_token("https://other.example/token")
                assert [] == server.log
                wider = connect(
                    ROBOT, server.creds, session=session, origins=["https://other.example"]
                )
                assert 200 == await call(wider, "https://other.example/echo")

        run(main())
        assert ["api.example", "other.example"] == [
            urlsplit(one.url).hostname for one in server.log
        ]
