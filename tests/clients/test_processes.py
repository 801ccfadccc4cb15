"""Processes that share a store: one renews, the others adopt, and no refresh token is spent twice."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from oauthkit import GrantKey, SQLiteStore
from oauthkit.testing.servers import OAuth2Server

pytestmark = pytest.mark.proves(
    "Tokens and stores", "processes of one machine share a grant", rfc=None, judge="none but ours"
)

PROCESSES = 8
EXPIRIES = 5
START = 1_800_000_000.0
WORKER = Path(__file__).with_name("store_worker.py")


# The time that the server, and all programs, go by.
moved = [START]


@contextmanager
def service() -> Generator[OAuth2Server]:
    """Run a server by the clock of `moved`."""
    moved[0] = START
    with OAuth2Server(hosts=["service.example"], clock=lambda: moved[0]) as server:
        yield server


@contextmanager
def workers(
    server: OAuth2Server, count: int, store: str, creds: dict[str, Any]
) -> Generator[Sequence[subprocess.Popen[str]]]:
    """Run programs that share *store*."""
    told = {
        "hosts": list(server.hosts),
        "port": server.port,
        "pem": server.authority.pem,
        "store": store,
        "creds": creds,
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-W", "error", str(WORKER)],
            env=env,
            stdin=pipe,
            stdout=pipe,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        for worker in started:
            tell(worker, json.dumps(told))
        assert ["ready"] * count == [hear(worker) for worker in started]
        yield started
        for worker in started:
            worker.communicate(timeout=60)
        assert [0] * count == [worker.returncode for worker in started]
    finally:
        for worker in started:
            worker.kill()
            worker.communicate()


def tell(worker: subprocess.Popen[str], line: str) -> None:
    """Write a line to a program."""
    assert worker.stdin is not None
    worker.stdin.write(f"{line}\n")
    worker.stdin.flush()


def hear(worker: subprocess.Popen[str]) -> str:
    """Read a line of a program."""
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def call(started: Sequence[subprocess.Popen[str]], now: float) -> list[str]:
    """Have all call the API at the same time; return what each says."""
    moved[0] = now
    for worker in started:
        tell(worker, str(now))
    return [hear(worker) for worker in started]


def families_revoked(server: OAuth2Server) -> int:
    """Count the grants that the server has revoked because a refresh token came twice."""
    tokens = server._ledger._tokens.values()
    return len({id(token.grant) for token in tokens if token.grant.revoked})


def creds_of(server: OAuth2Server) -> dict[str, Any]:
    """Give the client's credentials, with one token that all processes begin with."""
    token = server.issue("alice")
    names = ("access_token", "refresh_token")
    return {**server.creds, **{name: token[name] for name in names}, "expires_at": START - 1}


def test_one_renews_and_the_others_adopt(tmp_path: Path) -> None:
    """Eight processes, five expiries: a token request each, one token for all, nothing revoked."""
    with service() as server:
        store = f"sqlite:///{tmp_path.as_posix()}/tokens.db"
        with workers(server, PROCESSES, store, creds_of(server)) as started:
            seen: list[str] = []
            for number in range(EXPIRIES):
                said = call(started, START + 4000 * number)
                assert 1 == len(set(said)), said
                assert said[0].startswith("200 ")
                assert number + 1 == server.token_requests
                seen += said[:1]
        assert EXPIRIES == len(set(seen))
        assert 0 == families_revoked(server)
    assert not list((tmp_path / "tokens.db-locks").iterdir())


def test_without_a_shared_store_the_family_is_revoked(tmp_path: Path) -> None:
    """The same with a store for each process: the server sees the token twice, and so do we."""
    with service() as server:
        with workers(server, 2, "memory://", creds_of(server)) as started:
            said = call(started, START)
        # A third one where the first has its token refused by then.
        assert 2 <= server.token_requests
        assert 1 == families_revoked(server), said


def test_a_second_process_needs_no_token_of_its_own(tmp_path: Path) -> None:
    """What the first has stored is enough: also when the first has ended, and after an expiry."""
    with service() as server:
        store = f"sqlite:///{tmp_path.as_posix()}/tokens.db"
        creds = creds_of(server)
        with workers(server, 1, store, creds) as started:
            first = call(started, START)
        with workers(server, 1, store, dict(server.creds)) as started:
            assert first == call(started, START + 1)
            assert 1 == server.token_requests
            (later,) = call(started, START + 4000)
        assert later.startswith("200 ")
        assert first != [later]
        assert 2 == server.token_requests
        assert 0 == families_revoked(server)


def test_what_is_stored(tmp_path: Path) -> None:
    """One record, by issuer or token endpoint, client and account; its expiry is absolute."""
    with service() as server:
        store = f"sqlite:///{tmp_path.as_posix()}/tokens.db"
        with workers(server, 1, store, creds_of(server)) as started:
            call(started, START)

    async def look() -> tuple[list[GrantKey], float]:
        opened = SQLiteStore(tmp_path / "tokens.db")
        keys = [key async for key in opened.iterate()]
        record = await opened.load(keys[0])
        await opened.close()
        assert record is not None
        return keys, record.access_tokens["", ""]["expires_at"]

    keys, expires_at = asyncio.run(look())
    endpoint = "https://service.example/token"
    assert [GrantKey(issuer=endpoint, client_id=server.client_id, account="alice")] == keys
    assert START + 3600 == expires_at
