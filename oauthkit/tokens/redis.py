"""The store in Redis, for many machines: a lock with a lease, and three round trips a refresh."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar

import attrs

from oauthkit.errors import ConfigurationError
from oauthkit.tokens.redis_links import Links, read_url, require_redis
from oauthkit.tokens.redis_scripts import FINISH, FREE, LOAD, MARK, SWAP, TAKE, Script
from oauthkit.tokens.stores import GrantKey, Record

__all__ = ["RedisStore", "open_redis"]

_NAMESPACE = "oauthkit"
# Seconds: three times the default of token_timeout.
_LEASE = 90.0
# Seconds between two looks at a lock that somebody else holds: at first, and at last.
_FIRST_TURN, _LAST_TURN = 0.010, 0.100
# Seconds that a lock may take to be given back, before it is left to its lease.
_LAST_WORD = 1.0
_PAGE = 500
# Seconds: a thousand years.
_LONGEST = 1000 * 365.25 * 86400


@attrs.define(eq=False, init=False)
class RedisStore:
    """
    Keep grants in the Redis server of *url*, for all processes of all machines.

    *url* is ``redis://user:password@host:6379/0``, or ``rediss://…`` for TLS; its query may say
    what else is said by keywords, and ``ssl_ca_certs``, ``ssl_certfile`` and ``ssl_keyfile``, which
    are paths. All keys begin with *namespace*. *lease* (seconds) is for how long a lock is its
    holder's, at least three times ``token_timeout``. *ttl* (seconds) is how long a record is kept
    that nobody reads or writes; without it, for ever.

    A lock that has run out goes to the next who asks: it does not prove that its holder is dead.
    Needs redis-py: ``pip install 'oauthkit[redis]'``. May be used from several event loops, also in
    several threads, and in a forked child; ``close()`` closes the connections of its loop, and so
    does the end of ``asyncio.run()``. A closed store opens again when it is used.

    Raises ConfigurationError.
    """

    lock_proves_death: ClassVar[bool] = False

    namespace: str
    lease: float
    ttl: float | None
    _clock: Callable[[], float] = attrs.field(repr=False)
    _links: Links

    def __init__(
        self,
        url: str,
        *,
        namespace: str | None = None,
        lease: float | None = None,
        ttl: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        require_redis()
        place = read_url(url)
        given = {"namespace": namespace, "lease": lease, "ttl": ttl}
        settings: dict[str, Any] = {"namespace": _NAMESPACE, "lease": _LEASE, "ttl": None}
        settings |= place.settings
        settings |= {name: value for name, value in given.items() if value is not None}
        self.namespace = _read_namespace(settings["namespace"])
        self.lease = _read_seconds("lease", settings["lease"])
        self.ttl = None if settings["ttl"] is None else _read_seconds("ttl", settings["ttl"])
        self._clock = clock
        self._links = Links(place)

    async def load(self, key: GrantKey) -> Record | None:
        """Return the record under *key*, or None."""
        return self._read(key, await self._run(LOAD, key, self._ttl))

    async def compare_and_swap(self, key: GrantKey, expected: int | None, record: Record) -> bool:
        """Store *record* if the stored version is *expected*; None: if there is no record."""
        return bool(await self._run(SWAP, key, *self._change(key, expected, record)))

    @asynccontextmanager
    async def lock(self, key: GrantKey) -> AsyncGenerator[_Held, None]:
        """
        Hold the only lock on *key* for the lease, and at most as long as the context lasts.

        Who waits looks again after 10 to 100 milliseconds.
        """
        held = await self._wait_for(key)
        try:
            yield held
        finally:
            if not held.is_free:
                await self._give_back(key, held.owner)

    async def delete(self, key: GrantKey) -> None:
        """Forget the record under *key*, if there is one."""
        # Not sent again: somebody may have logged in since.
        await self._links.call("DEL", self._names(key)[0], again=False)

    async def iterate(self) -> AsyncIterator[GrantKey]:
        """Iterate over the keys of all records; those that come or go meanwhile may be missing."""
        pattern = f"{_escape(self.namespace)}:grant:{{*"
        seen: set[bytes] = set()
        cursor = 0
        while True:
            # The server may name one several times.
            found = await self._links.call("SCAN", cursor, "MATCH", pattern, "COUNT", _PAGE)
            cursor, names = int(found[0]), [n for n in dict.fromkeys(found[1]) if n not in seen]
            seen.update(names)
            for text in await self._links.read_all("HGET", names, "key"):
                if text is not None:  # it may be gone by now
                    yield self._read_key(text)
            if cursor == 0:
                return

    async def close(self) -> None:
        """Close the connections of this event loop, after what is going on."""
        await self._links.close()

    def _names(self, key: GrantKey) -> tuple[str, str]:
        """Return what record and lock are called; in braces is what a cluster's slot is made of."""
        digest = hashlib.sha256(key.to_json().encode()).hexdigest()
        return f"{self.namespace}:grant:{{{digest}}}", f"{self.namespace}:lock:{{{digest}}}"

    @property
    def _ttl(self) -> int | str:
        return "" if self.ttl is None else _milliseconds(self.ttl)

    def _change(self, key: GrantKey, expected: int | None, record: Record) -> tuple[str | int, ...]:
        """Return the arguments of a script that stores *record*."""
        version = "" if expected is None else str(expected)
        write = secrets.token_hex(8)
        return version, str(record.version), record.to_json(), key.to_json(), write, self._ttl

    async def _run(self, script: Script, key: GrantKey, *arguments: str | int) -> Any:
        try:
            return await self._links.run(script, self._names(key), *arguments)
        except Exception as error:
            if "WRONGTYPE" in str(error):
                raise self._damaged(f"the record of {key!r}") from error
            raise

    def _read(self, key: GrantKey, found: list[bytes | None]) -> Record | None:
        """Return the record of what a script found; raises ConfigurationError for none of ours."""
        version, text = found
        if version is None and text is None:
            return None
        record = None
        with suppress(ValueError):
            record = Record.from_json((text or b"").decode())
        if record is None or str(record.version).encode() != version:
            raise self._damaged(f"the record of {key!r}")
        return record

    def _read_key(self, text: object) -> GrantKey:
        with suppress(ValueError):
            if isinstance(text, bytes):
                return GrantKey.from_json(text.decode())
        raise self._damaged("the key of a record")

    def _damaged(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"{what} in the token store {self._links.place} ({self.namespace}) is damaged, and was "
            "left as it is: delete it, and have the user log in again"
        )

    async def _wait_for(self, key: GrantKey) -> _Held:
        owner = secrets.token_hex(16)
        turn = _FIRST_TURN
        while True:
            asked = self._clock()
            try:
                taken = await self._run(TAKE, key, self._ttl, owner, _milliseconds(self.lease))
            except BaseException:
                # It may have been taken all the same: then it has no holder.
                await self._give_back(key, owner)
                raise
            if taken is not None:
                return _Held(self, key, owner, taken, asked + self.lease)
            # Those who wait do not come all at once.
            await asyncio.sleep(turn * (0.5 + secrets.randbelow(1000) / 1000))
            turn = min(turn * 1.5, _LAST_TURN)

    async def _give_back(self, key: GrantKey, owner: str) -> None:
        """Free a lock, also if the caller is cancelled meanwhile; what fails is its lease's."""
        task = asyncio.create_task(self._free(key, owner))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    async def _free(self, key: GrantKey, owner: str) -> None:
        # What happened under the lock counts, and not this.
        with suppress(Exception):
            async with asyncio.timeout(_LAST_WORD):
                await self._run(FREE, key, owner)


@attrs.define(eq=False)
class _Held:
    """
    A lock that is held, see `oauthkit.Held`.

    *owner* is its fencing token: drawn, and never another's. A counter would have to be kept for
    each key for ever; one that was thrown away would give a number to two holders.
    """

    _store: RedisStore
    _key: GrantKey
    owner: str = attrs.field(repr=False)
    _found: list[bytes | None] = attrs.field(repr=False)
    _until: float
    is_free: bool = attrs.field(default=False, init=False)

    @property
    def record(self) -> Record | None:
        return self._store._read(self._key, self._found)  # noqa: SLF001 - its own module

    @property
    def epoch(self) -> str:
        return ""

    def remaining(self) -> float:
        if self.is_free:
            return 0.0
        return max(0.0, self._until - self._store._clock())  # noqa: SLF001 - its own module

    async def mark(self, expected: int | None, record: Record) -> bool:
        lease = self._store.lease
        asked = self._store._clock()  # noqa: SLF001 - its own module
        if not await self._swap(MARK, expected, record, self.owner, _milliseconds(lease)):
            return False
        self._until = asked + lease
        return True

    async def finish(self, expected: int | None, record: Record) -> bool:
        if not await self._swap(FINISH, expected, record, self.owner):
            return False
        self.is_free = True
        return True

    async def _swap(
        self, script: Script, expected: int | None, record: Record, *lock: str | int
    ) -> bool:
        store, key = self._store, self._key
        change = store._change(key, expected, record)  # noqa: SLF001 - its own module
        return bool(await store._run(script, key, *change, *lock))  # noqa: SLF001 - its own module


def open_redis(url: str) -> RedisStore:
    """Open the store of ``redis://host:6379/0`` or ``rediss://…``, with options in its query."""
    return RedisStore(url)


def _read_namespace(namespace: str) -> str:
    if not namespace or set(namespace) & set("{}"):
        raise ConfigurationError("namespace: expected text without braces")
    return namespace


def _read_seconds(name: str, value: float | str) -> float:
    with suppress(ValueError):
        seconds = float(value)
        # Of a millisecond at least, and what the server can count.
        if 0.001 <= seconds <= _LONGEST:
            return seconds
    raise ConfigurationError(f"{name}: expected seconds, more than 0")


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)


def _escape(text: str) -> str:
    """Return the pattern of SCAN for *text* alone."""
    return re.sub(r"([][*?\\])", r"\\\1", text)
