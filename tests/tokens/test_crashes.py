"""Processes that share an account on SQLite, one of them killed (SIGKILL) in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from oauthkit import GrantKey, Record, SQLiteStore, Token
from support import run
from tokens.crashing import ACCOUNT, CLIENT, STEPS

pytestmark = [
    pytest.mark.proves(
        "Tokens and stores",
        "a refresh token is never spent twice",
        rfc="RFC 6749 §6",
        judge="none but ours",
    ),
    pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL"),
]

WORKERS = 4
_START = "from tokens.crashing import main; main()"


class Rotating(ThreadingHTTPServer):
    """Rotates refresh tokens; one that comes again revokes its family (RFC 9700 §4.14.2)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.guard = threading.Lock()
        self.spent: list[str] = []
        self.current = 0
        self.revoked = False

    @property
    def site(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, refresh_token: str) -> tuple[int, dict[str, object]]:
        """Take a refresh token; return status and members."""
        with self.guard:
            self.spent.append(refresh_token)
            if self.revoked or refresh_token != f"r{self.current}":
                self.revoked = True
                return 400, {"error": "invalid_grant"}
            self.current += 1
            members: dict[str, object] = {"access_token": f"t{self.current}", "expires_in": 3600}
            return 200, {**members, "refresh_token": f"r{self.current}", "token_type": "Bearer"}


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for it."""

    @property
    def _rotating(self) -> Rotating:
        assert isinstance(self.server, Rotating)
        return self.server

    def do_POST(self) -> None:
        """Answer at the token endpoint."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer(*self._rotating.take(form["refresh_token"][0]))

    def do_GET(self) -> None:
        """Answer a call."""
        good = self.headers["Authorization"] == f"Bearer t{self._rotating.current}"
        self._answer(200 if good and not self._rotating.revoked else 401, {})

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""

    def _answer(self, status: int, members: dict[str, object]) -> None:
        body = json.dumps(members).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Generator[Rotating]:
    """Run the server in a thread."""
    with Rotating() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def process(*arguments: str) -> Generator[subprocess.Popen[str]]:
    """Start a process that waits to be told to begin."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-P", "-c", _START, *arguments],
        env=env,
        stdin=pipe,
        stdout=pipe,
        text=True,
    ) as started:
        try:
            assert started.stdout is not None
            assert "ready\n" == started.stdout.readline()
            yield started
        finally:
            started.kill()


async def _prepare(path: Path, site: str) -> GrantKey:
    """Log the user in: a token that has expired, and a refresh token."""
    key = GrantKey(issuer=f"{site}/token", client_id=CLIENT, account=ACCOUNT)
    store = SQLiteStore(path)
    expired = Token({"access_token": "t0", "expires_at": 0})
    record = Record(access_tokens={("", ""): expired}, refresh_token="r0")
    assert await store.compare_and_swap(key, None, record)
    await store.close()
    return key


async def _load(path: Path, key: GrantKey) -> Record:
    store = SQLiteStore(path)
    found = await store.load(key)
    await store.close()
    assert found is not None
    return found


def let_go(workers: list[subprocess.Popen[str]]) -> list[list[str]]:
    """Let all of them begin at once; return what came of each call of each."""
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return [worker.communicate(timeout=60)[0].split() for worker in workers]


def test_all_at_once(tmp_path: Path) -> None:
    """Nobody dies: one of them sends the refresh token, the others adopt what he got."""
    path = tmp_path / "tokens.db"
    with serving() as server, ExitStack() as stack:
        key = run(_prepare(path, server.site))
        workers = [
            stack.enter_context(process(str(path), server.site, "none")) for _ in range(WORKERS)
        ]
        assert [["200"] * 3] * WORKERS == let_go(workers)
        found = run(_load(path, key))
    assert (["r0"], False) == (server.spent, server.revoked)
    assert ("r1", None) == (found.refresh_token, found.mark)


@pytest.mark.parametrize("step", STEPS)
def test_a_holder_that_is_killed(step: str, tmp_path: Path) -> None:
    """Nothing is lost, but where the new token died with its process: that is said, without a loop."""
    path = tmp_path / "tokens.db"
    with serving() as server, ExitStack() as stack:
        key = run(_prepare(path, server.site))
        victim = stack.enter_context(process(str(path), server.site, step))
        workers = [
            stack.enter_context(process(str(path), server.site, "none")) for _ in range(WORKERS)
        ]
        victim.communicate("go\n", timeout=60)
        assert -signal.SIGKILL == victim.returncode
        said = let_go(workers)
        found = run(_load(path, key))
    if step == "after rotating":
        # It was sent once more, by one of them, and by nobody after that.
        assert [[ACCOUNT] * 3] * WORKERS == said
        assert (["r0", "r0"], True) == (server.spent, server.revoked)
        assert found.mark is not None
        assert found.mark.final
    else:
        assert [["200"] * 3] * WORKERS == said
        assert (["r0"], False) == (server.spent, server.revoked)
        assert ("r1", None) == (found.refresh_token, found.mark)
