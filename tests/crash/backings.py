"""The stores that are tested: a URL, what its lock proves, and how it goes away and comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from crash.fleet import Hand

__all__ = ["BACKINGS", "Backing", "postgres", "redis", "sqlite"]


@attrs.define(eq=False, kw_only=True)
class Backing:
    """
    A store that processes share under *url*.

    *gone* takes it away, from the processes that are given at least, and *back* gives it back.
    *expire* ends all leases at once; None where locks are no leases. *serves_all*: it goes away for
    all processes.
    """

    name: str
    url: str
    proves_death: bool
    gone: Callable[[Sequence[Hand]], None]
    back: Callable[[Sequence[Hand]], None]
    expire: Callable[[], None] | None = None
    serves_all: bool = False


@contextmanager
def sqlite(folder: Path) -> Generator[Backing]:
    """Give a file; it goes away as a disk does that is full: who has to do with it can write no more."""

    def disk(hands: Sequence[Hand], *, full: bool) -> None:
        for hand in hands:
            hand.tell("disk", full=full)

    yield Backing(
        name="SQLite",
        url=f"sqlite:///{folder.as_posix()}/tokens.db",
        proves_death=True,
        gone=lambda hands: disk(hands, full=True),
        back=lambda hands: disk(hands, full=False),
    )


@contextmanager
def redis(_: Path) -> Generator[Backing]:
    """
    Run a Redis server; it goes away by SIGKILL, and comes back with what it has written.

    That is everything, and the locks, too: a lease outlives its server.
    """
    from stores.redis.server import running

    with running(durable=True) as server:

        def expire() -> None:
            with server.ask() as client:
                for name in list(client.scan_iter("oauthkit:lock:*")):
                    client.delete(name)

        yield Backing(
            name="Redis",
            url=server.url,
            proves_death=False,
            gone=lambda _: server.stop(),
            back=lambda _: server.start(),
            expire=expire,
            serves_all=True,
        )


@contextmanager
def postgres(_: Path) -> Generator[Backing]:
    """Run a PostgreSQL server; when it comes back, its locks are those of another life."""
    from stores.postgres.server import running

    with running() as server:
        yield Backing(
            name="PostgreSQL",
            url=server.url(),
            proves_death=True,
            gone=lambda _: server.stop(),
            back=lambda _: server.start(),
            serves_all=True,
        )


BACKINGS = {"SQLite": sqlite, "Redis": redis, "PostgreSQL": postgres}
