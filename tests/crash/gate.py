"""A proxy in front of an authorization server: it counts, holds, drops, and knows each family."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import parse_qs

import attrs

__all__ = ["Family", "Fault", "Gate", "Sent", "standing"]

_PATIENCE = 30.0
Fate = Literal["sent", "held", "delivered", "dropped", "abandoned"]


@attrs.frozen(kw_only=True)
class Fault:
    """
    What becomes of one token request.

    *early*: it is held before it gets to the server. *reaches*: the server gets it at all.
    *late*: the answer is held. *status*: what is answered in its place, with *headers*. *drops*:
    the connection is cut in its place.
    """

    early: bool = False
    reaches: bool = True
    status: int | None = None
    headers: tuple[str, ...] = ()
    late: bool = False
    drops: bool = False


@attrs.define(eq=False)
class Sent:
    """
    One token request: of which *worker*, with which *token*; *newer* is what came of it.

    *needless*: it revoked its family while a living process had, or could still get, what is newer.
    """

    worker: str
    token: str = attrs.field(repr=False)
    newer: str | None = attrs.field(default=None, repr=False, init=False)
    access_token: str | None = attrs.field(default=None, repr=False, init=False)
    status: int = attrs.field(default=0, init=False)
    fate: Fate = attrs.field(default="sent", init=False)
    revoked: bool = attrs.field(default=False, init=False)
    needless: bool = attrs.field(default=False, init=False)


@attrs.define(eq=False)
class Family:
    """All refresh tokens of one login, in the order in which they were issued."""

    tokens: list[str] = attrs.field(repr=False)
    access_token: str = attrs.field(repr=False)
    sent: list[Sent] = attrs.field(factory=list[Sent], init=False)

    @property
    def revoked(self) -> bool:
        """Whether the server has revoked it, since one of its tokens came twice."""
        return any(one.revoked for one in self.sent)

    @property
    def newest(self) -> str:
        """The refresh token that is good, if any is."""
        return self.tokens[-1]


@attrs.define(eq=False)
class Gate:
    """Takes connections for the server at *port*; its token endpoint is at *token_path*."""

    port: int
    token_path: str
    site: str = attrs.field(default="", init=False)
    families: list[Family] = attrs.field(factory=list[Family], init=False)
    faults: deque[Fault] = attrs.field(factory=deque[Fault], init=False)
    dead: set[str] = attrs.field(factory=set[str], init=False)
    changed: threading.Condition = attrs.field(factory=threading.Condition, init=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(init=False)
    _released: asyncio.Event = attrs.field(init=False)

    def family(self, refresh_token: str, access_token: str) -> Family:
        """Note what a login gave."""
        made = Family([refresh_token], access_token)
        with self.changed:
            self.families.append(made)
        return made

    def wait(self, what: Callable[[], bool], why: str) -> None:
        """Wait until *what* is true of what came by."""
        with self.changed:
            if not self.changed.wait_for(what, _PATIENCE):
                raise AssertionError(f"the gate never saw: {why}")

    def release(self) -> None:
        """Let go of what is held."""

        def let_go() -> None:
            self._released.set()
            self._released = asyncio.Event()

        self._loop.call_soon_threadsafe(let_go)

    async def serve(self, started: threading.Event, ends: asyncio.Event) -> None:
        """Take connections until *ends*."""
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.site = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await ends.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a process that was killed
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        if head.split(b" ", 2)[1].decode() != self.token_path:
            writer.write(await self._forward(head, body))
            await writer.drain()
            return
        form = parse_qs(body.decode())
        sent = Sent(form["worker"][0], form["refresh_token"][0])
        with self.changed:
            (family,) = (one for one in self.families if sent.token in one.tokens)
            family.sent.append(sent)
            fault = self.faults.popleft() if self.faults else Fault()
            self.changed.notify_all()
        if fault.early and not await self._hold(sent, reader):
            return
        answer = b""
        if fault.reaches:
            answer = await self._forward(head, body)
            self._note(family, sent, answer)
        if fault.status is not None:
            self._set(sent, "dropped")
            writer.write(_failure(fault))
            await writer.drain()
            return
        if fault.late and not await self._hold(sent, reader):
            return
        if fault.drops:
            self._set(sent, "dropped")
            writer.transport.abort()
            return
        self._set(sent, "delivered")
        writer.write(answer)
        await writer.drain()

    async def _hold(self, sent: Sent, reader: asyncio.StreamReader) -> bool:
        """Hold it until it is released; False where nobody waits for it any more."""
        self._set(sent, "held")
        gone = asyncio.ensure_future(reader.read(1))
        released = asyncio.ensure_future(self._released.wait())
        done, _ = await asyncio.wait({gone, released}, return_when=asyncio.FIRST_COMPLETED)
        for one in (gone, released):
            one.cancel()
        await asyncio.gather(gone, released, return_exceptions=True)
        if released in done:
            return True
        self._set(sent, "abandoned")
        return False

    def _set(self, sent: Sent, fate: Fate) -> None:
        with self.changed:
            sent.fate = fate
            self.changed.notify_all()

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        """Ask the server itself; a connection for each request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            first, *fields = head.rstrip(b"\r\n").split(b"\r\n")
            kept = [one for one in fields if not one.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([first, *kept, b"Connection: close", b"", b""]) + body)
            return await reader.read()
        finally:
            writer.close()

    def _note(self, family: Family, sent: Sent, answer: bytes) -> None:
        """Note what the server has done."""
        status, members = _read(answer)
        with self.changed:
            sent.status = status
            if status == 200:
                sent.newer, sent.access_token = members["refresh_token"], members["access_token"]
                family.tokens.append(members["refresh_token"])
                family.access_token = members["access_token"]
            elif members.get("error") == "invalid_grant" and sent.token != family.newest:
                sent.revoked = not family.revoked
                sent.needless = sent.revoked and any(
                    one.newer == family.newest
                    and one.fate in ("held", "delivered")
                    and one.worker not in self.dead
                    for one in family.sent
                )
            self.changed.notify_all()


def _length(head: bytes) -> int:
    for field in head.lower().split(b"\r\n"):
        if field.startswith(b"content-length:"):
            return int(field.partition(b":")[2])
    return 0


def _read(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    members: dict[str, Any] = json.loads(body[: _length(head)])
    return int(head.split(b" ", 2)[1]), members


def _failure(fault: Fault) -> bytes:
    fields = [f"HTTP/1.1 {fault.status} Failing", "Content-Length: 0", "Connection: close"]
    return "\r\n".join([*fields, *fault.headers, "", ""]).encode()


@contextmanager
def standing(port: int, token_path: str) -> Generator[Gate]:
    """Run a gate in a thread."""
    gate, started, ends = Gate(port, token_path), threading.Event(), asyncio.Event()
    thread = threading.Thread(target=lambda: asyncio.run(gate.serve(started, ends)))
    thread.start()
    try:
        assert started.wait(_PATIENCE)
        yield gate
    finally:
        gate._loop.call_soon_threadsafe(ends.set)
        thread.join()
