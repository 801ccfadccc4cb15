"""
Run a service on declared hosts, and let a test make it misbehave: what every server here shares.

A service answers all paths of its hosts by itself (RFC 9110), logs what arrives, and gives way to
the answers that a test has put in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import attrs
from aiohttp import web

from oauthkit.testing.servers.certificates import CertificateAuthority, throwaway_authority
from oauthkit.testing.servers.failures import Handler
from oauthkit.testing.servers.hooks import RESOURCES, Hook, Hooks
from oauthkit.testing.servers.loopback import (
    LoopbackServer,
    Played,
    connector,
    host_names,
    session,
)
from oauthkit.testing.servers.records import Exchange

__all__ = ["EmbeddedServer", "hosts_of", "path_of"]


def hosts_of(urls: Iterable[str | None]) -> list[str]:
    """Name the hosts of *urls*; None is no URL."""
    return [host for url in urls if url and (host := urlsplit(url).hostname)]


def path_of(endpoint: str | None, default: str) -> str:
    """Give the path of *endpoint*, or *default* where there is no endpoint."""
    return (urlsplit(endpoint).path or "/") if endpoint else default


def _name(handler: Handler) -> str:
    """Give what the log calls *handler*: the function that made it, or its class."""
    made_by: str = getattr(handler, "__qualname__", type(handler).__name__)
    return made_by.partition(".")[0].lower()


@attrs.define(eq=False, kw_only=True)
class EmbeddedServer:
    """
    Play a service for *hosts*: a synchronous context manager, which may be started again.

    *clock* gives seconds since the epoch, and the ``Date`` of every answer. *log* grows by one
    `Exchange` a request.
    """

    _hosts: tuple[str, ...] = attrs.field(converter=host_names, alias="hosts")
    clock: Callable[[], float] = attrs.field(default=time.time, repr=False)
    plain_http: bool = True
    authority: CertificateAuthority = attrs.field(factory=throwaway_authority, repr=False)

    log: list[Exchange] = attrs.field(factory=list[Exchange], init=False, repr=False)
    _hooks: Hooks = attrs.field(factory=Hooks, init=False, repr=False)
    _loopback: LoopbackServer = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare to listen."""
        self._loopback = LoopbackServer(
            app=self._application,
            hosts=self.hosts,
            authority=self.authority,
            plain_http=self.plain_http,
        )

    # Misbehaviour on demand

    def redirect(self, path: str, status: int, location: str) -> None:
        """Answer requests for *path* with a redirect, whether they are authorized or not."""
        self._hooks.put(path, Hook(status=status, headers=(("Location", location),)))

    def respond(
        self,
        path: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | Handler = b"",
    ) -> None:
        """
        Answer requests for *path* with this, whether they are authorized or not.

        *body* may be an async handler, which then sees to status and headers itself
        (`oauthkit.testing.servers.failures` has some).
        """
        pairs = tuple((headers or {}).items())
        if isinstance(body, str):
            body = body.encode()
        hook = (
            Hook(status=status, headers=pairs, body=body)
            if isinstance(body, bytes)
            else Hook(handler=body)
        )
        self._hooks.put(path, hook)

    def fail(self, path: str | None, failure: Hook | Handler, times: int | None = 1) -> None:
        """
        Answer the next *times* requests for *path* with *failure*; then all is as before.

        *path* None is every path that is no endpoint; *times* None is all requests that come.
        Failures of one path wait for each other, and come before `respond` and `redirect`.
        """
        if times is not None and times < 1:
            raise ValueError(f"times = {times}: expected one or more, or None for all that come")
        hook = failure if isinstance(failure, Hook) else Hook(name=_name(failure), handler=failure)
        self._hooks.queue(RESOURCES if path is None else path, hook, times)

    def restore(self, path: str | None) -> None:
        """Undo `redirect`, `respond` and `fail`."""
        self._hooks.remove(RESOURCES if path is None else path)

    # Running

    @property
    def hosts(self) -> tuple[str, ...]:
        """Name the hosts that are played."""
        return self._hosts

    @property
    def endpoint_paths(self) -> dict[str, str]:
        """Name the endpoints, and give their paths."""
        raise NotImplementedError

    @property
    def port(self) -> int:
        """Give the port on 127.0.0.1; raises `RuntimeError` while the server does not run."""
        return self._loopback.port

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._loopback.start()

    def close(self) -> None:
        """End; harmless when repeated."""
        self._loopback.close()

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

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Answer and log one request: each kind of service does."""
        raise NotImplementedError

    def _own_query(self, url: str, paths: Iterable[str]) -> str:
        """Give the query of *url*; `ValueError` unless it is one of *paths* on this server."""
        parts = urlsplit(url)
        if parts.hostname not in {*self.hosts, "127.0.0.1"}:
            raise ValueError(f"this server does not play the host {parts.hostname!r}")
        if parts.path not in paths:
            raise ValueError(f"{parts.path!r} is none of {', '.join(paths)}")
        return parts.query

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_response_prepare.append(self._date)
        return app

    async def _date(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(self.clock(), usegmt=True)
