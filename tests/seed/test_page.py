"""Every block of the documented page runs, and differs by what the page leaves open."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import aiohttp.client
import pytest

from oauthkit import AsyncOAuth1Client, CallbackError, OAuthRequest
from oauthkit.testing.servers import AssertionServer, OAuth1Server, accounts
from seed.page import BLOCKS, difference, documented, play, play_script
from support import run

pytestmark = pytest.mark.proves(
    "OAuth 1.0a", "the documented programs, block by block", rfc=None, judge="none but ours"
)

CALLBACK = "https://example.com/twitter"

# What the page's server hands out, in this order; what it leaves out stands for itself.
_ISSUED = ("gA..H", "lp..X", "fcg..1Dq", "7sd..V", "kd9..Q")
TOKEN, SECRET = "1-7sd..V", "kd9..Q"

_RUN = [
    "-loop = asyncio.get_event_loop()",
    "-loop.run_until_complete(main())",
    "+asyncio.run(main())",
]
DIFFERENCES: dict[str, list[str]] = {
    "1-initialize": [
        "-from authlib.client.aiohttp import AsyncOAuth1Client, OAuthRequest",
        "+from oauthkit import AsyncOAuth1Client, OAuthRequest",
        "-        client = AsyncOAuth1Client(session, 'client_id', 'client_secret', ...)",
        "+        client = AsyncOAuth1Client(session, 'client_id', 'client_secret', redirect_uri='https://example.com/twitter')",
        *(_RUN if sys.version_info >= (3, 12) else []),
    ],
    "6-production-flow": [
        "-request_token = {'oauth_token': 'gA..H', 'oauth_token_secret': '...'}",
        "+request_token = {'oauth_token': 'gA..H', 'oauth_token_secret': 'lp..X'}",
    ],
    "7-protected-resources": [
        "-access_token = {'oauth_token': '...', 'oauth_secret': '...'}",
        "+access_token = {'oauth_token': '1-7sd..V', 'oauth_secret': 'kd9..Q'}",
    ],
    "8-token-at-initialization": [
        "-    token='...', token_secret='...',",
        "-    ...",
        "+    token='1-7sd..V', token_secret='kd9..Q',",
        "+    redirect_uri='https://example.com/twitter',",
    ],
    "9-assertion": [
        "-from authlib.client.aiohttp import OAuthRequest, AsyncAssertionClient",
        "+from oauthkit import OAuthRequest, AsyncAssertionClient",
        "-        await client.get(...)",
        "-        await client.post(...)",
        "+        await client.get('https://storage.googleapis.com/storage/v1/b')",
        "+        await client.post('https://storage.googleapis.com/storage/v1/b')",
        *(_RUN if sys.version_info >= (3, 12) else []),
    ],
}


def _reach(playing: OAuth1Server | AssertionServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every session that is made from now on reach *playing*."""

    def connector(**_: object) -> aiohttp.TCPConnector:
        return playing.connector()

    monkeypatch.setattr(aiohttp.client, "TCPConnector", connector)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuth1Server]:
    """Play the page's host, with the page's client and tokens; every session reaches it."""
    playing = OAuth1Server(hosts=["api.twitter.com"])
    playing._accounts.client_id = "client_id"
    playing._accounts.client_secret = "client_secret"
    issued = iter(_ISSUED)
    monkeypatch.setattr(accounts, "_random", lambda: next(issued))
    _reach(playing, monkeypatch)
    with playing:
        yield playing


@pytest.mark.parametrize("name", BLOCKS)
def test_differences(name: str) -> None:
    """A block differs from the page's in the import, and where the page has ``...``."""
    found = difference(name)
    assert DIFFERENCES.get(name, []) == found
    left_open = ("...", "authlib", "get_event_loop", "run_until_complete")
    assert all(any(what in line for what in left_open) for line in found if line[0] == "-")


def test_initialize(server: OAuth1Server, capsys: pytest.CaptureFixture[str]) -> None:
    """The first block is a script: it fetches a request token, and prints it without its secret."""
    play_script("1-initialize")
    assert (
        "Token(oauth_token=***, oauth_token_secret=***, oauth_callback_confirmed='true')\n"
        == capsys.readouterr().out
    )
    (asked,) = server.log
    assert asked.ok
    assert CALLBACK == asked.parameter("oauth_callback")


def test_three_steps(server: OAuth1Server) -> None:
    """The page's flow from its first step to a signed call, with its own tokens and URLs."""

    async def main() -> None:
        async with aiohttp.ClientSession(request_class=OAuthRequest) as session:

            def make_client() -> AsyncOAuth1Client:
                return AsyncOAuth1Client(
                    session, "client_id", "client_secret", redirect_uri=CALLBACK
                )

            first: dict[str, Any] = {"client": make_client()}
            await play("2-request-token", first)
            assert {
                "oauth_token": "gA..H",
                "oauth_token_secret": "lp..X",
                "oauth_callback_confirmed": "true",
            } == first["request_token"]
            shown = "https://api.twitter.com/oauth/authenticate?oauth_token=gA..H"
            assert shown == (await play("3-authorization-url", first))["url"]
            assert shown == (await play("4-authorization-url-again", first))["url"]

            back, elsewhere = documented("5-callbacks").splitlines()
            assert back == server.authorize(shown)
            for url in (back, elsewhere):
                read = first["client"].parse_authorization_response(url)
                assert "fcg..1Dq" == read["oauth_verifier"]

            def get_oauth_verifier_value(url: str) -> str:
                return parse_qs(urlsplit(url).query)["oauth_verifier"][0]

            later: dict[str, Any] = {
                "client": make_client(),
                "get_oauth_verifier_value": get_oauth_verifier_value,
            }
            await play("6-production-flow", later)
            expected = {"oauth_token": TOKEN, "oauth_token_secret": SECRET}
            assert expected == {name: later["token"][name] for name in expected}
            assert later["token"] is later["client"].token

            last = await play("7-protected-resources", {"client": make_client()})
            assert "alice" == last["data"]["screen_name"]

            at_start: dict[str, Any] = {"session": session, "AsyncOAuth1Client": AsyncOAuth1Client}
            await play("8-token-at-initialization", at_start)
            url = "https://api.twitter.com/1.1/account/verify_credentials.json"
            async with at_start["client"].get(url) as resp:
                assert "alice" == (await resp.json())["screen_name"]

    run(main())
    assert [200] * 4 == [exchange.status for exchange in server.log]
    assert all(exchange.ok for exchange in server.log)


def test_callback_in_a_new_client() -> None:
    """A callback says which request token it is for; a client that holds none takes no stranger's."""

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            client = AsyncOAuth1Client(session, "client_id", "client_secret")
            back = documented("5-callbacks").splitlines()[0]
            with pytest.raises(CallbackError, match=r"set client\.token"):
                client.parse_authorization_response(back)
            client.token = {"oauth_token": "gA..H", "oauth_token_secret": "lp..X"}
            read = client.parse_authorization_response(back)
            assert read is client.token
            assert "fcg..1Dq" == read["oauth_verifier"]

    run(main())


def test_assertion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last block is a script: one token, got with the key file, for a GET and a POST."""
    with AssertionServer(hosts=["oauth2.googleapis.com", "storage.googleapis.com"]) as playing:
        _reach(playing, monkeypatch)
        (tmp_path / "MyProject-1234.json").write_text(json.dumps(playing.key_file))
        monkeypatch.chdir(tmp_path)
        play_script("9-assertion", scope="read write")
        assert ["POST", "GET", "POST"] == [exchange.method for exchange in playing.log]
        assert [200, 200, 200] == [exchange.status for exchange in playing.log]
        assert all(exchange.ok for exchange in playing.log)
        assert 1 == playing.token_requests
        granted = {check.name: check.detail for check in playing.exchanges("/token")[0].checks}
        assert "read write" == granted["scope"]
