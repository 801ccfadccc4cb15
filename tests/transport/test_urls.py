"""What is signed is what goes on the wire: the service recomputes it from what it received."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlencode

import aiohttp
import oauthlib.oauth1
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from oauthkit import RequestError, connect
from oauthkit.testing.servers.records import Exchange
from transport.peers import (
    FORM,
    HOST,
    OTHER_HOST,
    PLACEMENTS,
    Pair,
    client_of,
    declare,
    run,
    verified,
)

proves_wire = pytest.mark.proves(
    "Transport",
    "what is signed is what goes on the wire",
    rfc="RFC 5849 §3.4.1",
    judge="none but ours",
)

placements = pytest.mark.parametrize("placement", PLACEMENTS)


def send(pair: Pair, url: Any, method: str = "GET", **options: Any) -> Exchange:
    """Send one request that the service must find signed right; return what arrived."""
    names = ("placement", "realm", "signature_method", "signature_methods", "origins")
    made = {name: options.pop(name) for name in names if name in options}
    creds = options.pop("creds", None)

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, creds, **made)
            async with client.request(method, url, **options) as response:
                assert 200 == response.status, await response.text()

    run(main())
    (seen,) = pair.home.log
    verified(seen)
    return seen


def target(seen: Exchange) -> str:
    """Return path and query as they arrived, without the protocol parameters."""
    path = seen.url.partition(HOST)[2]
    own, _, _ = path.partition("oauth_consumer_key=")
    return own[:-1] if own != path else own


@proves_wire
@placements
@pytest.mark.parametrize(
    ("url", "arrives"),
    [
        ("/%7Ea/é", "/~a/%C3%A9"),
        ("/a b", "/a%20b"),
        ("/a%20b%2Fc%25", "/a%20b%2Fc%25"),
        ("/x?a=é&b=+&c=%2B&d=%20", "/x?a=%C3%A9&b=+&c=%2B&d=%20"),
        ("/x?a&b=&=c&&a=1", "/x?a&b=&=c&&a=1"),
        ("/x?a=1;b=2", "/x?a=1;b=2"),
        ("/x?a=%E9", "/x?a=%E9"),
        ("/x?a=/?:@!$'()*,", "/x?a=/?:@!$'()*,"),
        ("/x#fragment", "/x"),
        ("/x?a=1#fragment", "/x?a=1"),
        ("//double//slash", None),
        (f"https://{HOST}//double//slash/", "//double//slash/"),
        (f"https://{HOST}", "/"),
        (f"https://{HOST}?a=1", "/?a=1"),
        (f"https://{HOST}:443/x", "/x"),
        (URL(f"https://{HOST}/%7ea?b=%7E&c=%c3", encoded=True), "/%7ea?b=%7E&c=%c3"),
        (URL(f"https://{HOST}", encoded=True), "/"),
        (URL(f"https://{HOST}?a=1", encoded=True), "/?a=1"),
        (URL("/%7ea?b=%7E", encoded=True), "/%7ea?b=%7E"),
        (URL("x") / "é" % {"q": "+ &"}, "/x/%C3%A9?q=%2B+%26"),
    ],
    ids=str,
)
def test_urls(pair: Pair, placement: str, url: Any, arrives: str | None) -> None:
    """As aiohttp requotes it, or as it is where the caller says that it is encoded."""
    if arrives is None:
        with pytest.raises(RequestError, match="//"):
            send(pair, url)
        return
    assert arrives == target(send(pair, url, placement=placement))


@proves_wire
@placements
@pytest.mark.parametrize(
    "params",
    [{"a": "1"}, [("a", "é"), ("a", "+ &=")], {"oauth": "x", "b": 7}, "raw=%2B&c=%7E", {}],
    ids=str,
)
def test_params(pair: Pair, placement: str, params: Any) -> None:
    """What params= adds is signed as it is sent."""
    send(pair, "/x?z=1&a=0", placement=placement, params=params)


octets = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
# The service's router knows no path with a line end in it, encoded or not.
segments = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)


@proves_wire
@given(
    path=st.lists(segments, max_size=3),
    pairs=st.lists(st.tuples(octets, octets), max_size=4),
    form=st.none() | st.lists(st.tuples(octets, octets), max_size=4),
    placement=st.sampled_from(PLACEMENTS),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
)
def test_any_url_and_form(
    services: Pair,
    path: list[str],
    pairs: list[tuple[str, str]],
    form: list[tuple[str, str]] | None,
    placement: str,
    method: str,
) -> None:
    """Law: whatever path, query and form go through aiohttp, the recomputed signature matches."""
    services.clear()
    url = URL.build(scheme="https", host=HOST, path="/" + "/".join(path)) if path else URL("/x")
    # A service takes protocol parameters from one place only: ours are there.
    query = [(f"q{name}", value) for name, value in pairs]
    # Encoded here: aiohttp refuses control characters in the names of a form.
    data = None if form is None else urlencode([(f"f{name}", value) for name, value in form])
    headers = {"Content-Type": FORM} if form is not None else {}
    send(services, url, method, params=query, data=data, headers=headers, placement=placement)


@proves_wire
@given(query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_any_encoded_query(services: Pair, query: str) -> None:
    """Law: a query that the caller wrote himself is signed octet by octet."""
    services.clear()
    raw = query.replace("#", "").replace("oauth_", "")
    seen = send(services, URL(f"https://{HOST}/x?q&{raw}", encoded=True))
    assert f"https://{HOST}/x?q&{raw}" == seen.url


@placements
@pytest.mark.parametrize(
    ("url", "host", "arrives"),
    [
        (f"https://{HOST}:8443/x", f"{HOST}:8443", f"https://{HOST}:8443/x"),
        (f"https://{OTHER_HOST}:443/x", OTHER_HOST, f"https://{OTHER_HOST}/x"),
    ],
)
def test_ports(pair: Pair, placement: str, url: str, host: str, arrives: str) -> None:
    """The default port is neither sent nor signed; another one is both."""
    origin = str(URL(url).origin())
    seen = send(pair, url, placement=placement, origins=[origin])
    assert host == seen.header("Host")
    assert arrives == seen.url.partition("?")[0]


@placements
@pytest.mark.parametrize("host", ["other.example", "OTHER.example:443", "other.example:8443"])
def test_host_header_is_what_is_signed(pair: Pair, placement: str, host: str) -> None:
    """Who passes a Host header speaks to a server that believes it (RFC 5849 §3.4.1.2)."""
    seen = send(pair, "/x", placement=placement, headers={"Host": host})
    assert host == seen.header("Host")


@pytest.mark.parametrize("realm", ["Photos", 'a "quoted\\ one"'])
def test_realm(pair: Pair, realm: str) -> None:
    """A declared realm is in the header, and no part of what is signed (§3.5.1)."""
    assert realm == send(pair, "/x", realm=realm).realm


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "PLAINTEXT"])
@pytest.mark.parametrize("placement", ["header", "body"])
@pytest.mark.parametrize("form", [None, {"a": "1"}])
def test_methods(pair: Pair, method: str, placement: str, form: Any) -> None:
    """Each signature method, in both placements that all of them have (§3.4)."""
    seen = send(pair, "/x?a=b", "POST", placement=placement, signature_methods=(method,), data=form)
    assert method == seen.parameter("oauth_signature_method")
    assert placement == seen.placement


def test_ipv6() -> None:
    """An IPv6 literal is signed in brackets, with its port."""
    received: list[tuple[str, str]] = []

    async def note(request: web.Request) -> web.Response:
        received.append((request.host, request.headers["Authorization"]))
        return web.Response()

    async def main() -> int:
        app = web.Application()
        app.router.add_get("/x", note)
        runner = web.AppRunner(app)
        await runner.setup()
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
            port: int = listening.getsockname()[1]
            await web.SockSite(runner, listening).start()
            base = f"http://[::1]:{port}"
            provider = declare(
                api_base=base,
                temporary_credential_endpoint=None,
                authorization_endpoint=None,
                token_endpoint=None,
            )
            creds = {"client_id": "id", "client_secret": "secret"}
            async with (
                connect(provider, creds, clock=lambda: 1, nonce=lambda: "n") as client,
                client.get("/x?a=1") as response,
            ):
                assert 200 == response.status
            await runner.cleanup()
        return port

    port = run(main())
    ((host, header),) = received
    assert f"[::1]:{port}" == host
    theirs: Any = oauthlib.oauth1.Client("id", "secret", nonce="n", timestamp="1")
    _, fields, _ = theirs.sign(f"http://[::1]:{port}/x?a=1")

    def parameters(field: str) -> set[str]:
        return set(field.removeprefix("OAuth ").split(", "))

    assert parameters(fields["Authorization"]) == parameters(header)


def test_two_clients_one_session(pair: Pair) -> None:
    """Each signs with its own token; setting a token counts from the next request."""
    other = pair.home.creds_for("bob")

    async def main() -> list[Any]:
        users: list[Any] = []
        async with pair.home.session() as session:
            alice, bob = client_of(pair, session), client_of(pair, session, other)
            for client in (alice, bob, alice):
                async with client.get("/x") as response:
                    users.append((await response.json())["user"])
            alice.token = {
                "oauth_token": other["token"],
                "oauth_token_secret": other["token_secret"],
            }
            async with alice.get("/x") as response:
                users.append((await response.json())["user"])
            alice.token = None
            async with alice.get("/x") as response:
                users.append(response.status)
        return users

    assert ["alice", "bob", "alice", "bob", 401] == run(main())
    assert pair.home.log[-1].parameter("oauth_token") is None


def test_concurrent_requests(pair: Pair) -> None:
    """A hundred at once are a hundred signatures."""

    async def main() -> None:
        async with pair.home.session() as session:
            client = client_of(pair, session, placement="body")

            async def one(number: int) -> int:
                async with client.post("/x", data={"n": str(number)}) as response:
                    return response.status

            assert {200} == set(await asyncio.gather(*map(one, range(100))))

    run(main())
    assert 100 == len({exchange.parameter("oauth_nonce") for exchange in pair.home.log})


def test_users_middlewares_see_the_request_first(pair: Pair) -> None:
    """What a middleware of the call changes is signed: ours is the innermost."""

    async def outer(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        assert "Authorization" not in request.headers
        request.url = request.url.update_query(added="1")
        return await handler(request)

    seen = send(pair, "/x", middlewares=[outer])
    assert "/x?added=1" == target(seen)


@placements
def test_user_information_on_a_session_of_ones_own(pair: Pair, placement: str) -> None:
    """What aiohttp makes of it is no part of what is signed (§3.4.1.2)."""

    async def main() -> None:
        client = client_of(pair, placement=placement)
        async with (
            pair.home.session(middlewares=[client.middleware]) as session,
            session.get(f"https://user:word@{HOST}/x") as response,
        ):
            assert 200 == response.status

    run(main())
    (seen,) = pair.home.log
    verified(seen)


def test_middleware_that_leads_away(pair: Pair) -> None:
    """A middleware of the call that changes the host finds nothing signed there."""

    async def outer(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.url = URL(f"https://{OTHER_HOST}/x")
        return await handler(request)

    async def main() -> None:
        async with (
            pair.home.session() as session,
            client_of(pair, session).get("/x", middlewares=[outer]) as response,
        ):
            assert 401 == response.status

    run(main())
    (seen,) = pair.home.log
    assert not seen.signed
