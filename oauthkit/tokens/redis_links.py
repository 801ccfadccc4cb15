"""The way to a Redis server: its URL, and a client of redis-py's for each event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from weakref import WeakSet

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.tokens.redis_scripts import Script

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Links", "Place", "read_url", "require_redis"]

# Of the store itself, in the query of its URL.
SETTINGS = ("namespace", "lease", "ttl")
# redis-py's own, for rediss://. What would turn checks off is not among them.
TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")

_PORT = 6379
# Seconds for a connection, and for an answer.
_CONNECT_TIMEOUT, _TIMEOUT = 5.0, 10.0
# Connections of one loop to one server; who comes when all are in use waits for a turn.
_CONNECTIONS = 16
_EXPECTED = "expected redis://user:password@host:6379/0, or rediss:// for TLS"


@attrs.frozen(kw_only=True)
class Place:
    """A Redis server, a database of it, who logs in there, and the *settings* of the store."""

    host: str
    port: int = _PORT
    db: int = 0
    username: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)
    # None: no TLS.
    tls: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    settings: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def __str__(self) -> str:
        """Return what may be shown of the URL."""
        scheme = "redis" if self.tls is None else "rediss"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/{self.db}"


def read_url(url: str) -> Place:
    """Read the URL of a store; raises ConfigurationError, which shows nothing of it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        parts, host, port, query = SplitResult("", "", "", "", ""), None, None, []
    db = parts.path.removeprefix("/") or "0"
    is_ours = parts.scheme in {"redis", "rediss"} and bool(host) and not parts.fragment
    if not is_ours or not (db.isascii() and db.isdecimal()):
        # Outside of the handler: the parser's own error shows a part of it.
        raise ConfigurationError(
            f"{_EXPECTED}; what is special in a password is percent-encoded (%2F for a slash)"
        )
    has_tls = parts.scheme == "rediss"
    options = _read_options(query, has_tls=has_tls)
    return Place(
        host=host or "",
        port=port or _PORT,
        db=int(db),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls={name: options[name] for name in TLS if name in options} if has_tls else None,
        settings={name: options[name] for name in SETTINGS if name in options},
    )


def _read_options(query: list[tuple[str, str]], *, has_tls: bool) -> dict[str, str]:
    known = (*SETTINGS, *(TLS if has_tls else ()))
    options: dict[str, str] = {}
    for name, value in query:
        if name in TLS and not has_tls:
            raise ConfigurationError(f"the option {name} is for rediss://, which is TLS")
        if name not in known:
            near = get_close_matches(name, known, n=1)
            # The name may be a piece of a password: it is shown only where it is nearly right.
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"unknown option{hint} (there are {', '.join(known)})")
        if name in options or not value:
            raise ConfigurationError(f"the option {name}: expected it once, with a value")
        options[name] = value
    return options


def require_redis() -> None:
    """Raise ConfigurationError where redis-py is not installed."""
    try:
        import_module("redis.asyncio")
    except ImportError:
        raise ConfigurationError(
            "a store in Redis needs redis-py: pip install 'oauthkit[redis]'"
        ) from None


@attrs.define(eq=False)
class _Link:
    """
    The client of one loop.

    *keeper* is suspended for as long as the client is in use. Whatever ends it closes the client:
    who holds it, the end of the loop (``asyncio.run()`` ends all generators of its loop), or that
    nobody holds it any more.
    """

    client: Redis
    keeper: AsyncGenerator[None, None]
    turns: asyncio.Semaphore = attrs.field(factory=lambda: asyncio.Semaphore(_CONNECTIONS))

    async def close(self) -> None:
        """Close the client that nobody else is led to any more, after what is going on."""
        # Who waits for a turn came before: turns are given in order.
        for _ in range(_CONNECTIONS):
            await self.turns.acquire()
        await self.keeper.aclose()


async def _keep(client: Redis) -> AsyncGenerator[None, None]:
    _CLIENTS[client] = asyncio.get_running_loop()
    try:
        yield
    finally:
        try:
            await client.aclose()
        finally:
            _CLIENTS.pop(client, None)


# Held until they are closed: the garbage collector must not find one before its keeper has.
_CLIENTS: dict[Redis, asyncio.AbstractEventLoop] = {}


@attrs.define(eq=False)
class Links:
    """What leads to the server of *place*: a client for each loop that asks, made when it does."""

    place: Place
    _by_loop: dict[asyncio.AbstractEventLoop, _Link] = attrs.field(
        factory=dict[asyncio.AbstractEventLoop, _Link], init=False, repr=False
    )
    _guard: Lock = attrs.field(factory=Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Be known, for the case of a fork."""
        _ALL.add(self)

    async def run(self, script: Script, keys: tuple[str, str], *arguments: str | int) -> Any:
        """Have the server run *script*; it is sent in full where the server does not know it."""
        from redis.exceptions import NoScriptError

        given = (2, *keys, *arguments)
        try:
            return await self.call("EVALSHA", script.digest, *given)
        except NoScriptError as error:
            # redis-py's own frame holds it: without this, it would hold the store.
            error.__traceback__ = None
            return await self.call("EVAL", script.text, *given)

    async def call(self, *command: str | int, again: bool = True) -> Any:
        """
        Send a command, once more if its connection breaks (not where *again* is False).

        redis-py itself resends nothing. Whatever it raises passes, with a note that names the
        store.
        """

        async def send(client: Any) -> Any:
            return await client.execute_command(*command)

        return await self._do(send, again=again)

    async def read_all(self, command: str, names: Sequence[bytes], *arguments: str) -> list[Any]:
        """Send one command for each of *names* in one round trip; an error is what it returns."""

        async def send(client: Any) -> Any:
            async with client.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.execute_command(command, name, *arguments)
                return await pipeline.execute(raise_on_error=False)

        return list(await self._do(send, again=True)) if names else []

    async def _do(self, send: Callable[[Any], Awaitable[Any]], *, again: bool) -> Any:
        try:
            link = await self._the_link()
            async with link.turns:
                return await _try(send, link.client, again=again)
        except Exception as error:
            error.add_note(f"token store {self.place}")
            raise

    async def close(self) -> None:
        """Close the connections of this loop, after what is going on; other loops close theirs."""
        with self._guard:
            links = dict(self._by_loop)
            self._by_loop.clear()
        mine = links.pop(asyncio.get_running_loop(), None)
        del links  # their keepers end in their own loops
        if mine is not None:
            await asyncio.shield(mine.close())

    async def _the_link(self) -> _Link:
        loop = asyncio.get_running_loop()
        with self._guard:
            for closed in [other for other in self._by_loop if other.is_closed()]:
                del self._by_loop[closed]
            link = self._by_loop.get(loop)
            if link is not None:
                return link
            # What a loop left behind that ended without ending its generators.
            for left in [one for one, its in tuple(_CLIENTS.items()) if its.is_closed()]:
                _CLIENTS.pop(left, None)
            client = _make_client(self.place)
            link = self._by_loop[loop] = _Link(client, _keep(client))
            # It waits for nothing: nobody comes in between.
            await anext(link.keeper)
            return link

    def leave(self) -> None:
        """In a forked child: leave alone what the parent has open, and begin anew."""
        _LEFT_ALONE.append(self._by_loop)
        self._by_loop = {}
        self._guard = Lock()


_ALL: WeakSet[Links] = WeakSet()
# Closing a connection in a forked child would end it for the parent, too.
_LEFT_ALONE: list[object] = []


def _leave_all() -> None:
    for links in tuple(_ALL):
        links.leave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)


def _make_client(place: Place) -> Redis:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    tls: dict[str, Any] = {}
    if place.tls is not None:
        tls = {**place.tls, "ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
    return Redis(
        host=place.host,
        port=place.port,
        db=place.db,
        username=place.username,
        password=place.password,
        protocol=2,
        socket_connect_timeout=_CONNECT_TIMEOUT,
        socket_timeout=None,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        **tls,
    )


async def _try(send: Callable[[Any], Awaitable[Any]], client: Redis, *, again: bool) -> Any:
    from redis.exceptions import ConnectionError as ConnectionBroken

    try:
        return await _in_time(send, client)
    except ConnectionBroken as error:
        # Not its kinds: the server answered there, or nothing was sent.
        if not again or type(error) is not ConnectionBroken:
            raise
    return await _in_time(send, client)


async def _in_time(send: Callable[[Any], Awaitable[Any]], client: Redis) -> Any:
    from redis.exceptions import TimeoutError as TimedOut

    # Not by redis-py's socket_timeout: on Python 3.11 that swallows cancellations.
    limit = asyncio.timeout(_TIMEOUT)
    try:
        async with limit:
            return await send(client)
    except TimeoutError:
        if not limit.expired():
            raise
    raise TimedOut(f"no answer within {_TIMEOUT:g} s")
