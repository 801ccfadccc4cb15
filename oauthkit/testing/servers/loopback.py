"""
Play declared hosts on 127.0.0.1, in a thread with an event loop of its own.

One port answers both TLS and plain HTTP: the first octet of a connection tells them apart. So
``https://api.example``, ``https://api.example:8443`` and ``http://api.example`` all arrive, and a
client's unchanged URLs work. The connectors made here send every host name to such a server and
refuse what no server plays: nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import errno
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp
import attrs
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from oauthkit.testing.servers.certificates import CertificateAuthority, throwaway_authority

__all__ = ["LoopbackResolver", "LoopbackServer", "Played", "connector", "session"]

_LOOPBACK = "127.0.0.1"
_TLS_HANDSHAKE = b"\x16"  # RFC 8446, section 5.1: the content type of the first TLS record
_LINE_LIMIT = 1 << 20  # octets of a request line or a header field: tests send long ones


class Played(Protocol):
    """Describe what a connector needs to know of a running server."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Name the hosts that are played; ``*.example`` stands for one more label."""
        ...

    @property
    def port(self) -> int:
        """Give the port on 127.0.0.1."""
        ...

    @property
    def authority(self) -> CertificateAuthority:
        """Give the authority that issued the server's certificate."""
        ...


@attrs.define(eq=False)
class LoopbackResolver(AbstractResolver):
    """Resolve the names that *servers* play to their address and port, and no other name."""

    _ports: Mapping[str, int]

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 (every port of a host is played)
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 (IPv4 is what there is)
    ) -> list[ResolveResult]:
        """Give the loopback address of the server that plays *host*; `OSError` if none does."""
        name = host.lower().rstrip(".")
        found = self._ports.get(name) or self._ports.get("*." + name.partition(".")[2])
        if found is None:
            played = ", ".join(sorted(self._ports)) or "none"
            # With a number: aiohttp shows an error's strerror, which is None without one.
            raise OSError(
                errno.EHOSTUNREACH, f"no embedded server plays the host {host!r} (played: {played})"
            )
        return [
            ResolveResult(
                hostname=host,
                host=_LOOPBACK,
                port=found,
                family=socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def host_names(hosts: Iterable[str]) -> tuple[str, ...]:
    """Bring *hosts* to lower case and to ASCII, as they are looked up and certified, each once."""
    lower = (host.lower() for host in hosts)
    return tuple(dict.fromkeys(h if h.isascii() else h.encode("idna").decode() for h in lower))


def _loopback_socket(address: tuple[Any, ...]) -> socket.socket:
    """Make the socket for *address*, unless it would leave the machine (IP literals do)."""
    family, kind, protocol, _, peer = address
    if not ipaddress.ip_address(str(peer[0])).is_loopback:
        raise OSError(
            errno.EHOSTUNREACH, f"refusing to connect to {peer[0]}: not a loopback address"
        )
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


def connector(*servers: Played, **options: Any) -> aiohttp.TCPConnector:
    """
    Make a connector that reaches *servers* by the names they play, and nothing else.

    Call it inside the running loop; *options* go to `aiohttp.TCPConnector`. Raises `ValueError`
    if two servers play one host.
    """
    ports: dict[str, int] = {}
    for server in servers:
        for host in server.hosts:
            if ports.setdefault(host, server.port) != server.port:
                raise ValueError(f"two of the servers play the host {host!r}")
    if "ssl" not in options:
        context = ssl.create_default_context(cadata="".join({s.authority.pem for s in servers}))
        options["ssl"] = context
    options.setdefault("resolver", LoopbackResolver(ports))
    return aiohttp.TCPConnector(socket_factory=_loopback_socket, **options)


def session(*servers: Played, **options: Any) -> aiohttp.ClientSession:
    """Make a session over `connector`; *options* go to `aiohttp.ClientSession`."""
    return aiohttp.ClientSession(connector=connector(*servers), **options)


@attrs.define(eq=False, kw_only=True)
class LoopbackServer:
    """
    Run an `aiohttp.web` application for *hosts*: a synchronous context manager.

    *app* makes the application, anew at each start, since one belongs to one event loop.
    Without *plain_http* a connection that does not begin with a TLS handshake is dropped.
    """

    app: Callable[[], web.Application] = attrs.field(repr=False)
    _hosts: tuple[str, ...] = attrs.field(converter=host_names, alias="hosts")
    authority: CertificateAuthority = attrs.field(factory=throwaway_authority, repr=False)
    plain_http: bool = True
    _port: int = attrs.field(default=0, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False, repr=False)
    _loop: asyncio.AbstractEventLoop | None = attrs.field(default=None, init=False, repr=False)
    _stop: asyncio.Event | None = attrs.field(default=None, init=False, repr=False)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Name the hosts that are played."""
        return self._hosts

    @property
    def port(self) -> int:
        """Give the port on 127.0.0.1; raises `RuntimeError` while the server does not run."""
        if not self._port:
            raise RuntimeError("the embedded server is not running: use `with server:`")
        return self._port

    def start(self) -> None:
        """Listen on a free port, in a thread of its own; return when connections are taken."""
        if self._thread is not None:
            raise RuntimeError("the embedded server is running already")
        # Bound here, so that a fault is raised to the caller and not lost in the thread.
        listening = socket.create_server((_LOOPBACK, 0), backlog=128)
        listening.setblocking(False)
        ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, ready)),
            name=f"oauthkit-{self.hosts[0] if self.hosts else 'server'}",
            daemon=True,
        )
        self._thread.start()
        try:
            ready.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise
        self._port = listening.getsockname()[1]

    def close(self) -> None:
        """Cut every connection, close the port and end the thread; harmless when repeated."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = self._loop = self._stop = None
        self._port = 0

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def connector(self, *others: Played, **options: Any) -> aiohttp.TCPConnector:
        """Make a connector that reaches this server and *others*, inside the caller's loop."""
        return connector(self, *others, **options)

    def session(self, *others: Played, **options: Any) -> aiohttp.ClientSession:
        """Make a session that reaches this server and *others*, inside the caller's loop."""
        return session(self, *others, **options)

    async def _serve(
        self, listening: socket.socket, ready: concurrent.futures.Future[None]
    ) -> None:
        """Own the listening socket, the connections and the application until told to stop."""
        stop = asyncio.Event()
        with listening:
            try:
                context = self.authority.server_context(self.hosts)
                runner = web.AppRunner(
                    self.app(),
                    access_log=None,
                    handler_cancellation=True,
                    # A handler that waits on purpose (a drip) must not hold up closing.
                    shutdown_timeout=0.01,
                    # Bodies are verified and shown as they were sent.
                    auto_decompress=False,
                    max_line_size=_LINE_LIMIT,
                    max_field_size=_LINE_LIMIT,
                )
                await runner.setup()
            except Exception as error:  # noqa: BLE001 (whatever it is, the caller of start gets it)
                ready.set_exception(error)
                return
            connections = _Connections(context=context)
            accepting = asyncio.create_task(
                connections.accept(listening, runner, plain_http=self.plain_http)
            )
            self._loop, self._stop = asyncio.get_running_loop(), stop
            ready.set_result(None)
            await stop.wait()
            accepting.cancel()
            await asyncio.wait([accepting])
            await connections.settle()
            await runner.cleanup()
            await connections.close()


@attrs.define(eq=False, kw_only=True)
class _Connections:
    """Take connections, find out which of them speak TLS, and see to it that all get closed."""

    context: ssl.SSLContext
    open: dict[socket.socket, asyncio.BaseTransport | None] = attrs.field(
        factory=dict[socket.socket, asyncio.BaseTransport | None]
    )
    starting: set[asyncio.Task[None]] = attrs.field(factory=set[asyncio.Task[None]])

    async def accept(
        self, listening: socket.socket, runner: web.AppRunner, *, plain_http: bool
    ) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            accepted, _ = await loop.sock_accept(listening)
            for gone in [sock for sock in self.open if sock.fileno() == -1]:
                del self.open[gone]
            self.open[accepted] = None
            task = loop.create_task(self._begin(accepted, runner, plain_http=plain_http))
            self.starting.add(task)
            task.add_done_callback(self.starting.discard)

    async def _begin(
        self, accepted: socket.socket, runner: web.AppRunner, *, plain_http: bool
    ) -> None:
        """Look at the first octet of a connection and hand it to the application."""
        await _readable(accepted)
        # The peer may leave, or not like our certificate: its own affair, and its own error.
        with contextlib.suppress(OSError):
            first = accepted.recv(1, socket.MSG_PEEK)
            secure = first == _TLS_HANDSHAKE
            if first and (secure or plain_http) and runner.server is not None:
                self.open[accepted], _ = await asyncio.get_running_loop().connect_accepted_socket(
                    runner.server, accepted, ssl=self.context if secure else None
                )
                return
        accepted.close()

    async def settle(self) -> None:
        """End the beginnings: a peer that is silent, or in the middle of its handshake."""
        for accepted, transport in self.open.items():
            if transport is None:
                with contextlib.suppress(OSError):
                    accepted.shutdown(socket.SHUT_RDWR)
        if self.starting:
            await asyncio.wait(self.starting)

    async def close(self) -> None:
        """Cut what is open, and wait until it is."""
        for accepted, transport in self.open.items():
            if isinstance(transport, asyncio.WriteTransport):
                # CPython before 3.11.4: a TLS transport that is closed already has no abort().
                with contextlib.suppress(AttributeError):
                    transport.abort()
                # A TLS transport that was told twice to close hears no abort: it waits for a peer
                # that may be waiting for us, in the thread that closes this server.
                with contextlib.suppress(OSError):
                    accepted.shutdown(socket.SHUT_RDWR)
            else:
                accepted.close()
        # A transport closes its socket in a later turn of the loop.
        while any(accepted.fileno() != -1 for accepted in self.open):  # noqa: ASYNC110 (no event)
            await asyncio.sleep(0)


async def _readable(waiting: socket.socket) -> None:
    """Wait until *waiting* has something to read."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(waiting, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(waiting)
