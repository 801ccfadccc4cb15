"""A Redis server in a process of its own: from PATH, or from the wheel that nox installs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import redis

__all__ = ["RedisServer", "running", "the_url"]

_HOW = (
    "these tests need a Redis server: run `nox -s stores`, or put redis-server on PATH "
    "(Debian: apt install redis-server)"
)
_LIMIT = 10.0
# Where the server of the session is, for other processes as well.
_URL = "OAUTHKIT_TEST_REDIS"
_ATTEMPTS = 5


def the_url() -> str:
    """Return the URL of the server that the session has started."""
    return os.environ[_URL]


def _find() -> str:
    beside = Path(sys.executable).parent / "redis-server"
    found = os.environ.get("OAUTHKIT_REDIS_SERVER") or shutil.which("redis-server")
    if found is None and beside.exists():
        found = str(beside)
    if found is None:
        raise AssertionError(_HOW)
    return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@attrs.define(eq=False)
class RedisServer:
    """
    A server on loopback; it can be stopped, and started at the same port.

    What it held is gone then, unless it is *durable*: then it has written each change to its file.
    """

    folder: Path
    password: str | None = None
    port: int = 0
    durable: bool = False
    _process: subprocess.Popen[str] | None = attrs.field(default=None, init=False)

    @property
    def url(self) -> str:
        """The URL for who may log in."""
        login = "" if self.password is None else f":{self.password}@"
        return f"redis://{login}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        attempts = 1 if self.port else _ATTEMPTS
        told = ""
        for _ in range(attempts):
            port = self.port or _free_port()
            told = self._start_at(port)
            if self._process is not None:
                self.port = port
                return
        raise AssertionError(f"no Redis server:\n{told}")

    def _start_at(self, port: int) -> str:
        command = [_find(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "yes" if self.durable else "no", "--appendfsync", "always"]
        command += ["--dir", str(self.folder)]
        if self.password is not None:
            command += ["--requirepass", self.password]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        told: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            told.append(line)
            if "eady to accept connections" in line:
                self._process = process
                return ""
        process.wait(_LIMIT)
        process.stdout.close()
        return "".join(told)

    def stop(self) -> None:
        """Stop it by SIGKILL, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_LIMIT)
            assert process.stdout is not None
            process.stdout.close()

    @contextmanager
    def ask(self) -> Generator[Any]:
        """Give a plain client, for what a test does behind the store's back."""
        with redis.Redis(port=self.port, password=self.password, protocol=2) as client:
            yield client


@contextmanager
def running(password: str | None = None, *, durable: bool = False) -> Generator[RedisServer]:
    """Run a server until the block ends; where there is none, fail and say how to get one."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), password, durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop()
