"""Clients that share a grant in Redis: one renews, in three round trips, and the others adopt."""

from __future__ import annotations

from pathlib import Path

from clients.test_processes import (
    EXPIRIES,
    PROCESSES,
    START,
    call,
    creds_of,
    families_revoked,
    service,
    workers,
)
from oauthkit import OAuth2Provider, connect
from oauthkit.testing.servers import OAuth2Server, session
from stores.redis.opening import opened
from stores.redis.proxy import between
from stores.redis.server import RedisServer
from support import run

LIBRARY = OAuth2Provider(
    name="library",
    api_base="https://service.example",
    token_endpoint="https://service.example/token",
    grant_types=["refresh_token"],
)


def test_a_refresh_is_three_round_trips(server: RedisServer, tmp_path: Path) -> None:
    """Of a client, when it has its connection and the server its scripts; warm, it asks nothing."""
    now = [START]

    async def main() -> None:
        there = OAuth2Server(hosts=["service.example"], clock=lambda: now[0])
        async with between(server.port) as proxy, opened(proxy.url, tmp_path) as store:
            with there:
                token = there.issue("alice")
                creds = {**there.creds, "refresh_token": token["refresh_token"]}
                async with (
                    session(there) as http,
                    connect(
                        LIBRARY,
                        creds,
                        session=http,
                        store=store,
                        account="alice",
                        clock=lambda: now[0],
                    ) as client,
                ):
                    sent: list[int] = []
                    for _ in range(3):
                        proxy.sent.clear()
                        async with client.get("me") as response:
                            assert 200 == response.status
                        sent.append(len(proxy.sent))
                        async with client.get("me") as response:
                            assert 200 == response.status
                        assert sent[-1] == len(proxy.sent), "a warm token costs something"
                        now[0] += 4000
                    assert [3, 3] == sent[1:]
                    assert 3 == there.token_requests
                    assert 0 == families_revoked(there)

    run(main())


def test_processes_share_a_grant(server: RedisServer, tmp_path: Path) -> None:
    """Eight processes, five expiries: a token request each, one token for all, nothing revoked."""
    with service() as there:
        store = f"{server.url}?namespace={tmp_path.name}"
        with workers(there, PROCESSES, store, creds_of(there)) as started:
            for number in range(EXPIRIES):
                said = call(started, START + 4000 * number)
                assert 1 == len(set(said)), said
                assert said[0].startswith("200 ")
                assert number + 1 == there.token_requests
        assert 0 == families_revoked(there)
    with server.ask() as client:
        assert 1 == len(client.keys(f"{tmp_path.name}:*")), "a lock is left, or a second record"
