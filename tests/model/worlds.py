"""What a refresh is made of: workers, a store with one record, a lock, and a server that rotates."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import attrs

__all__ = ["At", "Got", "Life", "Limits", "Marked", "Protocol", "Token", "Worker", "World", "begin"]


class Fast(IntEnum):
    """Numbers with names whose hash is a number's: worlds are looked up by the million."""

    __hash__ = int.__hash__


class Life(Fast):
    """Whether a process runs; it is stopped once at most."""

    RUNS = 0
    STOPPED = 1
    WOKEN = 2
    DEAD = 3


class At(Fast):
    """What a worker does next."""

    LOCK = 0
    READ_AGAIN = 1
    ADOPT = 2
    MARK = 3
    CHECK = 4
    SEND = 5
    ANSWER = 6
    STORE = 7
    HAND_OUT = 8
    TAKE_OFF = 9
    REFUSED = 10
    LOST = 11
    LOST_TWICE = 12
    ENDING = 13
    GIVING_UP = 14
    NOTHING = 15


class Got(Fast):
    """What a worker has: of its request while it waits, of its call at the end."""

    NOTHING = 0
    ON_ITS_WAY = 1
    TOKEN = 2
    NOT_USED = 3
    REFUSED = 4
    LOST = 5
    REAUTHORIZATION = 6
    FAILURE = 7


class Marked(Fast):
    """
    The mark of the refresh token that is stored: who set it is in the workers.

    DOUBTED is a final one that somebody else has made of it, its holder's all the same.
    """

    NOT = 0
    SENDING = 1
    IDLE = 2
    FINAL = 3
    DOUBTED = 4


class Token(Fast):
    """
    The refresh tokens that there can be, the newer the higher.

    OLD is the one that all begin with, its access token has expired. NEW is what the server gives
    for it. LOGIN is of another grant.
    """

    OLD = 0
    NEW = 1
    LOGIN = 2


class Worker(NamedTuple):
    """
    A process.

    *current* says that what it has read is what is stored, so that its next swap succeeds; *locks*
    that the lock is its own, *marks* that the mark is. *looks* are the calls that it may make.
    """

    life: Life = Life.RUNS
    at: At = At.LOCK
    got: Got = Got.NOTHING
    current: bool = False
    locks: bool = False
    marks: bool = False
    looks: int = 1


class World(NamedTuple):
    """
    Everything.

    *stored*, *mark* and *lost* (an answer got lost) are the record; *newest* and *revoked* are the
    server's. *ghosts* are requests that nobody waits for and that may still arrive. *margin* is how
    many more token requests there may be, *refusals* how many more of them may be refused.
    *excused* says that NEW died with its holder, or with its answer; *slip* that an answer got lost
    before. *faults* (kills and stops) and *mishaps* (of server and network) are what may still
    happen.
    """

    workers: tuple[Worker, ...]
    stored: Token = Token.OLD
    mark: Marked = Marked.NOT
    lost: bool = False
    newest: Token = Token.OLD
    revoked: bool = False
    ghosts: int = 0
    margin: int = 1
    refusals: int = 1
    excused: bool = False
    slip: bool = False
    faults: int = 0
    mishaps: int = 0
    logins: int = 0

    @property
    def locked(self) -> bool:
        """Whether somebody has the lock."""
        return any(worker.locks for worker in self.workers)

    @property
    def in_hand(self) -> bool:
        """Whether a process that lives has NEW, or will have it when it looks into its socket."""
        return any(
            worker.life != Life.DEAD and worker.got == Got.TOKEN and worker.at != At.HAND_OUT
            for worker in self.workers
        )

    @property
    def alive(self) -> bool:
        """Whether the grant can go on without the user."""
        if self.stored == Token.LOGIN:
            return True
        return not self.revoked and (self.stored == self.newest or self.in_hand)


@attrs.frozen(kw_only=True)
class Protocol:
    """
    What workers do, and what their lock is; *broken* names what is done wrong on purpose.

    *proves* says that the lock is freed by its holder and its death alone; else it is a lease.
    *late* lets a request arrive after its sender has died or given up, behind a later one.
    *doubts_end* has who finds a mark that is in doubt make it final.
    """

    proves: bool
    late: bool = False
    doubts_end: bool = True
    broken: str = ""


@attrs.frozen(kw_only=True)
class Limits:
    """
    How much of a world is looked at.

    *workers* processes, each of which calls up to *looks* times; up to *faults* kills and stops in
    a run, up to *mishaps* of server and network, up to *logins*.
    """

    workers: int = 3
    looks: int = 2
    faults: int = 2
    mishaps: int = 1
    logins: int = 0


def begin(limits: Limits) -> World:
    """Return the world in which all workers have a token that has expired."""
    return World(
        workers=(Worker(looks=limits.looks),) * limits.workers,
        faults=limits.faults,
        mishaps=limits.mishaps,
        logins=limits.logins,
    )
