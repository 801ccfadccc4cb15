"""A process that shares accounts with others, and stops at a named step of a refresh when told."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import resource
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs

from oauthkit import (
    AsyncOAuth2Client,
    GrantKey,
    ReauthorizationRequired,
    Record,
    Token,
    TokenStore,
    open_store,
)
from oauthkit.tokens.stores import Held

__all__ = ["JUMP", "template"]

# Seconds by which a process's clocks jump: more than the deadline of a flight (30) and a
# lease (90), less than that of a request (300).
JUMP = 120.0

_SKEW = [0.0]
_MONOTONIC = time.monotonic


def _skewed() -> float:
    return _MONOTONIC() + _SKEW[0]


def _jump(*_: object) -> None:
    _SKEW[0] += JUMP


@attrs.define(eq=False)
class Line:
    """Speaks with the test: an object of JSON in each line."""

    sock: socket.socket
    _begun: bytes = attrs.field(default=b"", init=False)
    _heard: deque[dict[str, Any]] = attrs.field(factory=deque[dict[str, Any]], init=False)

    def say(self, kind: str, **members: Any) -> None:
        """Tell the test something."""
        self.sock.sendall(json.dumps({"kind": kind, **members}).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        """Wait for what the test says; the end of the test is the end of this process."""
        while not self._heard:
            got = self.sock.recv(65536)
            if not got:
                os._exit(0)
            *lines, self._begun = (self._begun + got).split(b"\n")
            self._heard.extend(json.loads(line) for line in lines)
        return self._heard.popleft()

    @property
    def waits(self) -> bool:
        """Whether there is more that was said already."""
        return bool(self._heard)


@attrs.define(eq=False)
class Steps:
    """Where this process is to stop: the whole of it, in the middle of a step."""

    line: Line
    armed: str = attrs.field(default="", init=False)

    def at(self, point: str) -> None:
        """Stop here, if told so, until the test says go (or kills it)."""
        if self.armed != point:
            return
        self.armed = ""
        self.line.say("at", point=point)
        while (told := self.line.hear())["do"] != "go":
            obey(told)

    def before(self, record: Record) -> None:
        """Stop before *record* is stored: with a mark it is about to be sent, else it was."""
        self.at("after-rotation" if record.mark is None else "before-mark")

    def after(self, record: Record, stored: bool) -> None:
        """Stop after *record* was stored."""
        if stored:
            self.at("after-store" if record.mark is None else "before-send")


def obey(told: dict[str, Any]) -> None:
    """Do what can be done at any time."""
    if told["do"] == "jump":
        _jump()
    elif told["do"] == "disk":
        # The system itself refuses to write: a full disk, for this process.
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if told["full"] else hard, hard))


@attrs.define(eq=False)
class Stepping:
    """A store that stops its process before and after it does something."""

    inner: TokenStore
    steps: Steps

    def __getattr__(self, name: str) -> Any:
        """Say what the store proves; nothing where it says nothing."""
        return getattr(self.inner, name)

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        return await self.inner.load(key)

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record*, and stop before or after."""
        self.steps.before(record)
        stored = await self.inner.compare_and_swap(key, expected, record)
        self.steps.after(record, stored)
        return stored

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[Held | None, None]:
        """Hold the lock; what it gives stops as well."""
        self.steps.line.say("waits")
        async with self.inner.lock(key) as held:
            yield None if held is None else SteppingHeld(held, self.steps)

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*."""
        await self.inner.delete(key)

    def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys."""
        return self.inner.iterate()


@attrs.define(eq=False)
class SteppingHeld:
    """What a lock gives, stopping likewise."""

    inner: Held
    steps: Steps

    @property
    def record(self) -> Record | None:
        """The record that was stored when the lock was taken."""
        return self.inner.record

    @property
    def epoch(self) -> str:
        """Which life of the locks this one is of."""
        return self.inner.epoch

    def remaining(self) -> float:
        """Return for how long the lock is ours at least."""
        return self.inner.remaining()

    async def mark(self, expected: int | None, record: Record) -> bool:
        """Store a mark, and stop before or after."""
        return await self._step(self.inner.mark, expected, record)

    async def finish(self, expected: int | None, record: Record) -> bool:
        """Store what came of it, and stop before or after."""
        return await self._step(self.inner.finish, expected, record)

    async def _step(
        self,
        store: Callable[[int | None, Record], Awaitable[bool]],
        expected: int | None,
        record: Record,
    ) -> bool:
        self.steps.before(record)
        stored = await store(expected, record)
        self.steps.after(record, stored)
        return stored


@attrs.define(eq=False)
class Worker:
    """One process: a client for each account, all on one store object."""

    name: str
    line: Line
    told: dict[str, Any]
    steps: Steps = attrs.field(init=False)
    now: float = attrs.field(default=0.0, init=False)
    clients: dict[str, AsyncOAuth2Client] = attrs.field(
        factory=dict[str, AsyncOAuth2Client], init=False
    )
    calls: set[asyncio.Task[None]] = attrs.field(factory=set[asyncio.Task[None]], init=False)

    def __attrs_post_init__(self) -> None:
        """Have the steps know whom to tell."""
        self.steps = Steps(self.line)

    async def run(self) -> None:
        """Do what the test says, until it has gone."""
        store = Stepping(open_store(self.told["store"]), self.steps)
        loop = asyncio.get_running_loop()
        loop.add_reader(self.line.sock, self._hear, store)
        self.line.say("ready")
        await asyncio.Event().wait()

    def _hear(self, store: TokenStore) -> None:
        told = self.line.hear()
        if told["do"] == "call":
            call = asyncio.get_running_loop().create_task(self._call(store, told))
            self.calls.add(call)
            call.add_done_callback(self.calls.discard)
        elif told["do"] == "arm":
            self.steps.armed = told["point"]
        else:
            obey(told)
        if self.line.waits:
            asyncio.get_running_loop().call_soon(self._hear, store)

    def _client(self, store: TokenStore, account: str) -> AsyncOAuth2Client:
        client = self.clients.get(account)
        if client is None:
            site = self.told["site"]
            client = self.clients[account] = AsyncOAuth2Client(
                None,
                self.told["client_id"],
                token_endpoint=f"{site}{self.told['token_path']}",
                refresh_token_params={"worker": self.name},
                store=store,
                account=account,
                origins=[site],
                clock=lambda: self.now,
            )
        return client

    async def _call(self, store: TokenStore, told: dict[str, Any]) -> None:
        """Call the service once; say what came of it."""
        self.now = told["now"]
        client = self._client(store, told["account"])
        said: dict[str, Any] = {}
        try:
            async with client.get(f"{self.told['site']}{self.told['resource']}") as response:
                await response.read()
                said["status"] = response.status
        except ReauthorizationRequired as error:
            said["ended"] = str(error)
        except Exception as error:  # noqa: BLE001 - the test judges it
            said["error"] = f"{type(error).__name__}: {error}"
        token = client.token or Token()
        self.line.say("said", token=token.get("access_token"), number=told["number"], **said)


def template() -> None:
    """
    Fork a worker for each line that comes, with the socket that comes with it.

    Everything is imported by then, and no thread runs: a worker costs some milliseconds.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    time.monotonic = _skewed
    while True:
        text, sockets, _, _ = socket.recv_fds(control, 65536, 1)
        if not text:
            return
        told = json.loads(text)
        open_store(told["store"])  # finds and imports what workers would have to; opens nothing yet
        pid = os.fork()
        if not pid:
            control.close()
            _work(socket.socket(fileno=sockets[0]), told)
            os._exit(0)
        os.close(sockets[0])
        control.sendall(f"{pid}\n".encode())


def _work(sock: socket.socket, told: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, _jump)
    with open(told["log"], "ab", buffering=0) as log:  # noqa: PTH123 - a file to write to
        os.dup2(log.fileno(), 2)
        faulthandler.register(signal.SIGUSR2, file=log, all_threads=True)
        faulthandler.enable(file=log)
        asyncio.run(Worker(told["name"], Line(sock), told).run())
