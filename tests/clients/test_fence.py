"""The four cases of the fence, judged by what a stranger's server received."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from yarl import URL

from oauthkit import (
    AsyncOAuth1Client,
    ConfigurationError,
    ForeignOriginError,
    OAuth1Provider,
    RequestError,
    connect,
)
from oauthkit.testing.servers.records import Exchange
from transport.peers import (
    FOREIGN_HOST,
    HOST,
    OTHER_HOST,
    PLACEMENTS,
    Pair,
    client_of,
    hears_nothing,
    run,
    running_pair,
    verified,
)

proves_refusal = pytest.mark.proves(
    "Where secrets may go", "a URL elsewhere is refused unsent", rfc=None, judge="none but ours"
)
proves_untouched = pytest.mark.proves(
    "Where secrets may go", "elsewhere: what aiohttp alone sends", rfc=None, judge="aiohttp"
)

# Where a token of https://api.example has no business.
ELSEWHERE = {
    "host": f"https://{FOREIGN_HOST}",
    "port": f"https://{HOST}:8443",
    "scheme": f"http://{HOST}",
}
DATA = {"a": "1 ü", "b": "+"}
OCTETS = b"a=1+%C3%BC&b=%2B"

placements = pytest.mark.parametrize("placement", PLACEMENTS)
elsewhere = pytest.mark.parametrize("base", ELSEWHERE.values(), ids=ELSEWHERE)
statuses = pytest.mark.parametrize("status", [302, 307, 308])


@pytest.fixture(scope="module")
def services() -> Iterator[Pair]:
    """Run a service and a stranger that answers 200."""
    with running_pair() as pair:
        for server in (pair.home, pair.stranger):
            server.respond("/elsewhere", 200)
        yield pair


@pytest.fixture
def pair(services: Pair) -> Pair:
    """Hand the pair out, with nothing in its logs."""
    services.clear()
    return services


def session_of(pair: Pair, **options: Any) -> aiohttp.ClientSession:
    """Make a session whose jar holds a cookie for every host."""
    session = pair.home.session(pair.stranger, **options)
    for host in (HOST, FOREIGN_HOST):
        session.cookie_jar.update_cookies({"session": "of-the-jar"}, URL(f"https://{host}/"))
    return session


def lead_away(pair: Pair, status: int, base: str) -> None:
    """Let the service redirect its path /leave."""
    pair.home.redirect("/leave", status, f"{base}/elsewhere?x=1")


async def post(client: Any, url: str) -> None:
    """Send the form, and follow."""
    async with client.post(url, data=DATA) as response:
        assert 200 == response.status


async def reference(pair: Pair, url: str, **options: Any) -> Exchange:
    """Return what arrives last when aiohttp alone sends the form."""
    async with session_of(pair, **options) as session:
        await post(session, url)
    seen = (pair.stranger.log or pair.home.log)[-1]
    pair.clear()
    return seen


def same(expected: Exchange, actual: Exchange) -> None:
    """Compare two requests by all their octets."""
    assert expected.method == actual.method
    assert expected.url == actual.url
    assert expected.headers == actual.headers
    assert expected.body == actual.body


@proves_refusal
@placements
@elsewhere
def test_verb_is_refused_elsewhere(pair: Pair, placement: str, base: str) -> None:
    """A verb with an absolute URL elsewhere raises, says what is declared, and sends nothing."""

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session, placement=placement)
            with pytest.raises(ForeignOriginError, match=r"origins=|Write https") as caught:
                await client.post(f"{base}/elsewhere", data=DATA)
        assert base == caught.value.origin
        assert (f"https://{HOST}",) == caught.value.declared

    run(main())
    assert [] == pair.all()


@proves_untouched
@placements
@elsewhere
@statuses
def test_verb_follows_redirect_elsewhere_with_nothing_of_ours(
    pair: Pair, placement: str, base: str, status: int
) -> None:
    """The stranger gets what aiohttp alone, with an empty jar, would have sent."""
    lead_away(pair, status, base)

    async def main() -> Exchange:
        url = f"https://{HOST}/leave"
        plain = await reference(pair, url, cookie_jar=aiohttp.DummyCookieJar())
        async with session_of(pair) as session:
            await post(client_of(pair, session, placement=placement), url)
        return plain

    plain = run(main())
    first, last = pair.all()
    verified(first)
    assert placement == first.placement
    hears_nothing(pair, last)
    same(plain, last)
    assert f"{base}/elsewhere?x=1" == last.url
    assert (("GET", b"") if status == 302 else ("POST", OCTETS)) == (last.method, last.body)


@proves_untouched
@placements
@elsewhere
def test_middleware_lets_requests_elsewhere_pass(pair: Pair, placement: str, base: str) -> None:
    """On somebody's own session a request elsewhere is what it would be without us."""

    async def main() -> Exchange:
        url = f"{base}/elsewhere"
        plain = await reference(pair, url)
        client = client_of(pair, placement=placement)
        async with session_of(pair, middlewares=[client.middleware]) as session:
            await post(session, url)
        return plain

    plain = run(main())
    (seen,) = pair.all()
    same(plain, seen)
    assert "session=of-the-jar" == seen.header("Cookie")
    assert not seen.signed


@proves_untouched
@placements
@elsewhere
@statuses
def test_middleware_lets_redirects_elsewhere_pass(
    pair: Pair, placement: str, base: str, status: int
) -> None:
    """The hop inside is signed, the hop elsewhere is what it would be without us."""
    lead_away(pair, status, base)

    async def main() -> Exchange:
        url = f"https://{HOST}/leave"
        plain = await reference(pair, url)
        client = client_of(pair, placement=placement)
        async with session_of(pair, middlewares=[client.middleware]) as session:
            await post(session, url)
        return plain

    plain = run(main())
    first, last = pair.all()
    verified(first)
    assert placement == first.placement
    assert first.header("Cookie") is None
    same(plain, last)
    assert not last.signed


def without_provider(pair: Pair, session: Any, placement: str, **options: Any) -> AsyncOAuth1Client:
    """Make a client as the documented page does."""
    home = pair.home
    return AsyncOAuth1Client(
        session,
        home.client_id,
        home.client_secret,
        token=home.token,
        token_secret=home.token_secret,
        signature_type=placement.upper(),
        **options,
    )


@placements
@elsewhere
@statuses
def test_without_provider_the_url_counts_for_its_call_only(
    pair: Pair, placement: str, base: str, status: int
) -> None:
    """What a caller asks for is signed there; a later redirect to the same place is not."""
    lead_away(pair, status, base)
    plain_http = base.startswith("http:")

    async def main() -> None:
        async with session_of(pair) as session:
            client = without_provider(pair, session, placement)
            if plain_http:
                with pytest.raises(RequestError, match="not https"):
                    await client.post(f"{base}/elsewhere", data=DATA)
                assert [] == pair.all()
            else:
                await post(client, f"{base}/elsewhere")
                (asked,) = pair.all()
                assert placement == asked.placement
                assert asked.parameter("oauth_token") == pair.home.token
                assert asked.header("Cookie") is None
                pair.clear()
            await post(client, f"https://{HOST}/leave")

    run(main())
    first, last = pair.all()
    verified(first)
    hears_nothing(pair, last)
    assert (b"" if status == 302 else OCTETS) == last.body


def test_without_provider_loopback_may_be_plain(pair: Pair) -> None:
    """A loopback address is signed over http too, by a class that has no provider."""

    async def main() -> None:
        async with pair.home.session() as session:
            client = without_provider(pair, session, "header")
            async with client.get(f"http://127.0.0.1:{pair.home.port}/x") as response:
                assert 200 == response.status

    run(main())
    (seen,) = pair.all()
    verified(seen)


def test_without_provider_middleware_demands_origins(pair: Pair) -> None:
    """It would see every request of the session; with origins= it signs those and no other."""
    with pytest.raises(ConfigurationError, match="origins="):
        _ = without_provider(pair, None, "header").middleware

    async def main() -> None:
        client = without_provider(pair, None, "header", origins=[f"https://{HOST}"])
        async with session_of(pair, middlewares=[client.middleware]) as session:
            await session.get(f"https://{HOST}/x")
            await session.get(f"https://{FOREIGN_HOST}/x")
        with pytest.raises(ForeignOriginError):
            await client.get(f"https://{FOREIGN_HOST}/x")

    run(main())
    home, stranger = pair.all()
    verified(home)
    assert not stranger.signed


def test_without_provider_only_absolute_urls(pair: Pair) -> None:
    """There is no api_base that a path could be put after."""
    with pytest.raises(RequestError, match="absolute"):
        run(_get(without_provider(pair, None, "header"), "/x"))


async def _get(client: AsyncOAuth1Client, url: Any) -> int:
    async with client.get(url) as response:
        return response.status


@pytest.mark.parametrize(
    ("origins", "inside"),
    [
        ((f"https://{OTHER_HOST}",), f"https://{OTHER_HOST}"),
        ((f"https://{HOST}:8443",), f"https://{HOST}:8443"),
        (("https://*.up.example",), None),
    ],
)
def test_origins_widen_the_fence(pair: Pair, origins: tuple[str, ...], inside: str | None) -> None:
    """What origins= adds is signed, and nothing near it."""

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session, origins=origins)
            if inside is not None:
                assert 200 == await _get(client, f"{inside}/x")
            for near in ("https://up.example", f"https://x.{HOST}", f"https://{HOST}:8444"):
                with pytest.raises(ForeignOriginError):
                    await client.get(f"{near}/x")

    run(main())
    for seen in pair.all():
        verified(seen)


def test_provider_without_api_base(pair: Pair) -> None:
    """Declared origins are enough; a path then has nothing to be put after."""
    provider = OAuth1Provider(name="bare", origins=(f"https://{HOST}",))

    async def main() -> None:
        async with pair.home.session() as session:
            client = connect(provider, pair.home.creds, session=session)
            assert 200 == await _get(client, f"https://{HOST}/x")
            with pytest.raises(RequestError, match="api_base"):
                await client.get("/x")

    run(main())


@proves_refusal
@pytest.mark.parametrize(
    "url",
    [
        f"//{FOREIGN_HOST}/x",
        URL(f"//{FOREIGN_HOST}/x"),
        "http:x",
        "https:///x",
        f"javascript://{HOST}/x",
        f"https://{HOST}./x",
        f"https://{HOST}@{FOREIGN_HOST}/x",
        f"https://user:word@{HOST}/x",
        f"https://{HOST}.{FOREIGN_HOST}/x",
        f"https://{HOST}:443:8443/x",
        "https://[::1",
        f"https://{HOST}:port/",
        None,
        7,
        b"/x",
    ],
    ids=repr,
)
def test_urls_that_try_to_leave(pair: Pair, url: Any) -> None:
    """Whatever is no path and no URL inside the fence is an error of ours; nothing is sent."""

    async def main() -> None:
        async with session_of(pair) as session:
            with pytest.raises(RequestError):
                await client_of(pair, session).get(url)

    run(main())
    assert [] == pair.all()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("x", "/x"),
        ("/x", "/x"),
        ("?a=b", "/?a=b"),
        ("#fragment", "/"),
        (f"@{FOREIGN_HOST}/x", f"/@{FOREIGN_HOST}/x"),
        (f"\\\\{FOREIGN_HOST}/x", f"/%5C%5C{FOREIGN_HOST}/x"),
        (f"/{FOREIGN_HOST}//x", f"/{FOREIGN_HOST}//x"),
        ("/../../x", "/x"),
        (":8443/x", "/:8443/x"),
        (f"https://{HOST.upper()}:443/x", "/x"),
    ],
)
def test_urls_that_only_look_as_if(pair: Pair, url: str, path: str) -> None:
    """A path goes to api_base, however it is spelt."""

    async def main() -> None:
        async with session_of(pair) as session:
            assert 200 == await _get(client_of(pair, session), url)

    run(main())
    (seen,) = pair.all()
    verified(seen)
    assert f"https://{HOST}{path}" == seen.url


@proves_refusal
def test_url_that_is_read_in_two_ways(pair: Pair) -> None:
    """Whether yarl refuses the URL or reads one of its hosts: what it is signed for is asked."""

    async def main() -> None:
        async with session_of(pair) as session:
            with suppress(RequestError):
                await _get(client_of(pair, session), f"https://{FOREIGN_HOST}\\@{HOST}/x")

    run(main())
    assert [] == pair.stranger.log


@pytest.mark.proves(
    "Where secrets may go", "a chain that left stays unsigned", rfc=None, judge="none but ours"
)
def test_redirect_back_inside_carries_nothing(pair: Pair) -> None:
    """A chain that has left is not signed when it comes back: a stranger chose where it leads."""
    pair.home.redirect("/leave", 302, f"https://{FOREIGN_HOST}/back")
    pair.stranger.redirect("/back", 302, f"https://{HOST}/home")

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session)
            assert 401 == await _get(client, "/leave")
            assert 200 == await _get(client, "/another")

    run(main())
    first, back, another = pair.home.log
    verified(first)
    assert [] == list(back.parameters)
    verified(another)
    hears_nothing(pair, pair.stranger.log[0])


def test_callers_own_headers_go_along_authorization_does_not_come(pair: Pair) -> None:
    """A second Authorization is refused, as auth= is: the client writes it itself."""

    async def main() -> None:
        async with session_of(pair) as session:
            client = client_of(pair, session)
            for options in (
                {"headers": {"authorization": "Bearer mine"}},
                {"headers": [("AUTHORIZATION", "Bearer mine")]},
                {"headers": iter([("Authorization", "Bearer mine")])},
                {"auth": ("user", "word")},
            ):
                with pytest.raises(RequestError, match="Authorization"):
                    await client.get("/x", **options)
            async with client.get("/x", headers=iter([("X-Mine", "1")])) as response:
                assert 200 == response.status

    run(main())
    (seen,) = pair.all()
    assert "1" == seen.header("X-Mine")
