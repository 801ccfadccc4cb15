"""The stores that are tested: a URL, what its lock proves, and how it goes away and comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from crash.fleet import Hand

__all__ = ["BACKINGS", "Backing", "sqlite"]


@attrs.define(eq=False, kw_only=True)
class Backing:
    """
    A store that processes share under *url*.

    *gone* takes it away, from the processes that are given at least, and *back* gives it back.
    *expire* ends all leases at once; None where locks are no leases.
    """

    name: str
    url: str
    proves_death: bool
    gone: Callable[[Sequence[Hand]], None]
    back: Callable[[Sequence[Hand]], None]
    expire: Callable[[], None] | None = None


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


BACKINGS = {"SQLite": sqlite}
