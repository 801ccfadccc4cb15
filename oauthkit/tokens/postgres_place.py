"""Where a PostgreSQL store is: its URL taken apart, names quoted, and connections made."""

from __future__ import annotations

import re
import socket
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import attrs

from oauthkit.errors import ConfigurationError, mask

__all__ = ["Connection", "Place", "load_driver", "socket_of"]

_EXPECTED = (
    "expected postgresql://user:password@host:port/database?table=…, with what is special in a "
    "name or a password percent-encoded"
)
_OPTIONS = ("table", "schema", "pool_size", "timeout", "pooler")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}").fullmatch
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@\s]*)(?::[0-9]{1,5})?").fullmatch
# Seconds of silence, seconds between two questions, and how many: then the other side has gone.
# The server is the more patient one by far. Who has lost it knows that before his lock is free, and
# a token request (30 s, unless set otherwise) has ended by then.
_OUR_PATIENCE = (15, 5, 3)
_ITS_PATIENCE = (60, 10, 6)


class Connection(Protocol):
    """What is used of a connection of asyncpg's, which has no types of its own."""

    async def fetch(self, query: str, *arguments: object) -> list[Any]:
        """Return the rows of a query."""
        ...

    async def fetchrow(self, query: str, *arguments: object) -> Any:
        """Return the first row of a query, or None."""
        ...

    async def execute(self, query: str, *arguments: object) -> str:
        """Return the tag of a command, such as ``UPDATE 1``."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """Make what is done in the context happen as a whole or not at all."""
        ...

    async def close(self, *, timeout: float) -> None:
        """Take leave of the server."""
        ...

    def terminate(self) -> None:
        """Hang up."""
        ...

    def is_closed(self) -> bool:
        """Tell whether either side has closed it."""
        ...

    def get_server_pid(self) -> int:
        """Return the process id of the session, as the server has told it."""
        ...


def load_driver() -> Any:
    """Return the module asyncpg; raises ConfigurationError where it is not installed."""
    try:
        return import_module("asyncpg")
    except ImportError as error:
        if error.name != "asyncpg":
            raise
    raise ConfigurationError(
        "a PostgreSQL store needs asyncpg: pip install 'oauthkit[postgres]'"
    ) from None


def socket_of(connection: Connection) -> Any:
    """Return the socket of a connection, or None where that cannot be told."""
    # The driver shows it nowhere else.
    transport = getattr(connection, "_transport", None)
    return None if transport is None else transport.get_extra_info("socket")


@attrs.frozen(kw_only=True)
class Place:
    """A table of a database, and how it is reached; *name* says which without a secret."""

    dsn: str = attrs.field(repr=False)
    name: str
    table: str
    schema: str | None
    pool_size: int
    timeout: float
    pooler: str | None
    _secrets: tuple[str, ...] = attrs.field(alias="secrets", repr=False)
    _given: frozenset[str] = attrs.field(alias="given", repr=False)

    @classmethod
    def of(cls, url: str, **keywords: Any) -> Place:
        """
        Take *url* apart; *keywords* that are not None count before the options of its query.

        Raises ConfigurationError, without a password.
        """
        parts = _split(url)
        if parts is None:
            raise ConfigurationError(_EXPECTED)
        base, hosts, database, query = parts
        given: dict[str, Any] = {name: value for name, value in query if name in _OPTIONS}
        given |= {name: value for name, value in keywords.items() if value is not None}
        rest = [(name, value) for name, value in query if name not in _OPTIONS]
        names = dict(rest)
        user = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
        secrets = [user.partition(":")[2], names.get("password"), names.get("sslpassword")]
        shown = [secret for secret in secrets if secret]
        host = hosts or names.get("host", "")
        base_name = unquote(database) or names.get("dbname", names.get("database", ""))
        table = _identifier("table", given.get("table", "oauthkit_grants"))
        schema = given.get("schema")
        return cls(
            dsn=f"{base}?{urlencode(rest)}" if rest else base,
            name=f"{table} in postgresql://{unquote(host)}/{base_name}",
            table=table,
            schema=None if schema is None else _identifier("schema", schema),
            pool_size=_number("pool_size", given.get("pool_size", 4), int),
            timeout=_number("timeout", given.get("timeout", 10.0), float),
            pooler=_pooler(given.get("pooler")),
            secrets=(*shown, *map(unquote, shown)),
            given=frozenset(names),
        )

    @property
    def quoted(self) -> str:
        """The table's name as it stands in a statement."""
        return f'"{self.table}"' if self.schema is None else f'"{self.schema}"."{self.table}"'

    def fill(self, statement: str) -> str:
        """Return a statement with the table's name in it."""
        return statement.replace("{table}", self.quoted)

    async def connect(self) -> Connection:
        """
        Open a connection.

        Raises what the driver and the network raise, with a note, and ConfigurationError for a URL
        that the driver does not understand.
        """
        settings = {
            "application_name": "oauthkit",
            **dict(zip(_ITS_SETTINGS, map(str, _ITS_PATIENCE), strict=True)),
        }
        settings = {name: value for name, value in settings.items() if name not in self._given}
        # A swap that meets another one is told so; under a stricter isolation it would fail.
        settings["default_transaction_isolation"] = "read committed"
        try:
            connection: Connection = await load_driver().connect(
                self.dsn,
                server_settings=settings,
                timeout=self.timeout,
                command_timeout=self.timeout,
            )
        except ValueError as error:
            reason = mask(str(error), self._secrets)
        except Exception as error:
            error.add_note(f"token store {self.name}")
            raise
        else:
            _watch(connection)
            return connection
        # Outside of the handler: the driver's own error may hold the URL.
        raise ConfigurationError(f"token store {self.name}: {reason}")


_ITS_SETTINGS = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")


def _split(url: str) -> tuple[str, str, str, list[tuple[str, str]]] | None:
    """Return what is before the query, hosts, database and query; None where it is no such URL."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return None
    database = parts.path.removeprefix("/")
    hosts = parts.netloc.rpartition("@")[2]
    if parts.scheme not in {"postgresql", "postgres"} or parts.fragment or "#" in url:
        return None
    # A password that is not encoded ends up in another part; that one must not be shown.
    if parts.netloc.count("@") > 1 or any(mark in database for mark in "@/:"):
        return None
    if not all(map(_HOST, hosts.split(","))) or any("@" in name for name, _ in query):
        return None
    return f"{parts.scheme}://{parts.netloc}{parts.path}", hosts, database, query


def _identifier(what: str, value: object) -> str:
    if not isinstance(value, str) or not _NAME(value):
        raise ConfigurationError(
            f"{what}: expected a name of letters, digits and underscores, 63 at the most"
        )
    return value


def _number(what: str, value: object, kind: type[Any]) -> Any:
    try:
        number = kind(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < 10_000:
        raise ConfigurationError(f"{what}: expected a number above 0")
    return number


def _pooler(value: str | None) -> str | None:
    if value in {None, "session"}:
        return value
    raise ConfigurationError("pooler: expected 'session', or nothing")


def _watch(connection: Connection) -> None:
    """Have our side of a connection notice that the other one has gone."""
    found = socket_of(connection)
    if found is None or found.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    for name, seconds in zip(names, _OUR_PATIENCE, strict=True):
        if hasattr(socket, name):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
