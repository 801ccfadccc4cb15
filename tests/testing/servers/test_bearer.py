"""Bearer tokens at the embedded servers (RFC 6750): where they are taken, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
import pytest

from oauthkit.testing.servers import OAuth2Server
from testing.servers.peer import FORM, Answer, send
from testing.servers.peer2 import AUTH, bearer, get, talk

URL = f"{AUTH}/x"


@pytest.fixture
def server() -> Iterator[OAuth2Server]:
    """Play a service."""
    with OAuth2Server(
        hosts=["auth.example"], required_scopes={"/admin": "admin"}, realm='a "b"'
    ) as playing:
        yield playing


def challenged(server: OAuth2Server, answer: Answer, status: int, error: str, check: str) -> None:
    """Judge a refusal and its challenge (section 3)."""
    assert status == answer.status, answer.text
    field = answer.headers["WWW-Authenticate"]
    assert field.startswith(r'Bearer realm="a \"b\""')
    assert (f', error="{error}"' in field) if error else ("error" not in field)
    assert (check,) == server.log[-1].failed


def test_placements(server: OAuth2Server) -> None:
    """Header, form or query: the token is good in each, and the echo does not show it."""
    token = server.issue()["access_token"]
    form = {"Content-Type": FORM}
    in_header, in_body, in_query = talk(
        server,
        lambda session: send(session, "DELETE", URL, {"Authorization": f"bEARER  {token}"}),
        lambda session: send(session, "POST", URL, form, f"a=1&access_token={token}"),
        lambda session: send(session, "GET", f"{URL}?access_token={token}&a=1"),
    )
    assert [200] * 3 == [in_header.status, in_body.status, in_query.status]
    assert ["header", "body", "query"] == [exchange.placement for exchange in server.log]
    assert [["a", "1"]] == in_body.json["form"] == in_query.json["query"]
    assert "private" == in_query.headers["Cache-Control"]
    assert all(exchange.signed and exchange.ok for exchange in server.log)
    assert token == server.log[0].parameter("access_token")


def test_no_token(server: OAuth2Server) -> None:
    """Who sends no token is told how, and of no error (section 3.1)."""
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "BearerX abc"}):
        challenged(server, get(server, URL, headers), 401, "", "placement")
        assert not server.log[-1].signed


@pytest.mark.parametrize("token", ["", "a b", 'a"b', "a,b", "=", "é"])
def test_malformed_token(server: OAuth2Server, token: str) -> None:
    """What is not in the grammar of a token is malformed (section 2.1)."""
    answer = get(server, URL, {"Authorization": f"Bearer {token}"})
    challenged(server, answer, 400, "invalid_request", "placement")


def test_two_tokens(server: OAuth2Server) -> None:
    """One token, in one place, though it be the same (section 2)."""
    token = server.issue()["access_token"]
    challenged(
        server,
        get(server, f"{URL}?access_token={token}", bearer(token)),
        400,
        "invalid_request",
        "placement",
    )
    assert "header+query" == server.log[-1].placement
    twice = get(server, f"{URL}?access_token={token}&access_token={token}")
    challenged(server, twice, 400, "invalid_request", "placement")
    body = f"access_token={token}"
    (in_get,) = talk(server, lambda s: send(s, "GET", URL, {"Content-Type": FORM}, body))
    challenged(server, in_get, 400, "invalid_request", "placement")


def test_placements_that_are_not_taken() -> None:
    """A service may take tokens from the header alone."""
    with OAuth2Server(hosts=["auth.example"], placements=["header"]) as server:
        token = server.issue()["access_token"]
        assert 400 == get(server, f"{URL}?access_token={token}").status
        assert 200 == get(server, URL, bearer(token)).status


def test_dead_tokens(server: OAuth2Server) -> None:
    """Unknown, expired, revoked, or no access token at all."""
    one, two = server.issue(), server.issue()
    server.expire(one["access_token"])
    server.revoke(two["access_token"])
    for token in ("unknown", one["access_token"], two["access_token"], one["refresh_token"]):
        answer = get(server, URL, bearer(token))
        challenged(server, answer, 401, "invalid_token", "token")
        assert token not in answer.text


def test_scope(server: OAuth2Server) -> None:
    """A path may need more than the token has (section 3.1)."""
    answer = get(server, f"{AUTH}/admin", bearer(server.issue("alice", "read")["access_token"]))
    challenged(server, answer, 403, "insufficient_scope", "scope")
    assert 'scope="admin"' in answer.headers["WWW-Authenticate"]
    good = server.issue("alice", "read admin")["access_token"]
    assert 200 == get(server, f"{AUTH}/admin", bearer(good)).status


def test_websocket(server: OAuth2Server) -> None:
    """A websocket's handshake bears the token like any request; its messages come back."""

    async def main(session: aiohttp.ClientSession) -> tuple[str, bytes, int]:
        token = bearer(server.issue()["access_token"])
        async with session.ws_connect(f"{AUTH}/ws", headers=token) as socket:
            await socket.send_str("é")
            text = await socket.receive_str()
            await socket.send_bytes(b"\xff")
            octets = await socket.receive_bytes()
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{AUTH}/ws")
        return text, octets, caught.value.status

    assert [("é", b"\xff", 401)] == talk(server, main)
    assert [101, 401] == [exchange.status for exchange in server.log]


def test_cookie(server: OAuth2Server) -> None:
    """The cookie path sets what its query says, without a token."""
    answer = get(server, f"{AUTH}/cookie?name=login&value=alice")
    assert "login=alice; Path=/" == answer.headers["Set-Cookie"]


def test_client_token_has_no_userinfo(server: OAuth2Server) -> None:
    """A token for no user gets the echo, which says so."""
    answer = get(server, f"{AUTH}/userinfo", bearer(server.issue(None)["access_token"]))
    assert (200, None) == (answer.status, answer.json["user"])
