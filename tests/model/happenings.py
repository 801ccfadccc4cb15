"""What the server does, what the network does, and what happens to workers."""

from __future__ import annotations

from collections.abc import Iterator

from model.rules import Change, Note, Rule, step_of, with_worker
from model.steps import Step
from model.worlds import At, Got, Life, Protocol, Token, Worker, World

__all__ = ["happens", "serve", "served"]


# -- the server, and the network -------------------------------------------------------------------


def served(world: World, protocol: Protocol, who: int, worker: Worker) -> Iterator[Change]:
    """Yield what may come of a request."""
    if worker.got == Got.ON_ITS_WAY:
        yield serve(world, who)
        if world.mishaps:
            mishap = world._replace(mishaps=world.mishaps - 1)
            yield step_of(mishap, who, Step.NOT_USED, got=Got.NOT_USED)
    if worker.got != Got.LOST and world.mishaps:
        lost = world._replace(mishaps=world.mishaps - 1)
        notes: tuple[Note, ...] = ()
        if worker.got == Got.TOKEN:
            lost, notes = lost._replace(excused=True), (Note.DROPPED,)
        elif worker.got == Got.ON_ITS_WAY and protocol.late:
            lost = lost._replace(ghosts=lost.ghosts + 1)
        yield step_of(lost, who, Step.LOSE, *notes, got=Got.LOST)


def serve(world: World, who: int) -> Change:
    """Let the refresh token OLD arrive at the server."""
    notes: tuple[Rule, ...] = ()
    if world.revoked:
        step, got = Step.REFUSE, Got.REFUSED
    elif world.newest == Token.OLD:
        step, got = Step.ROTATE, Got.TOKEN
        world = world._replace(newest=Token.NEW, excused=who < 0)
    else:
        step, got = Step.REVOKE, Got.REFUSED
        is_held = world.in_hand or world.stored == Token.NEW
        notes = (Rule.REVOKED,) if is_held else ()
        world = world._replace(revoked=True)
    if who < 0:
        return Change(who, step, world, notes)
    return step_of(world, who, step, *notes, got=got)


# -- kills, stops, and leases that run out ---------------------------------------------------------


def happens(world: World, protocol: Protocol, who: int, worker: Worker) -> Iterator[Change]:
    """Yield what may happen to a worker."""
    gone = worker.life in (Life.STOPPED, Life.DEAD)
    if worker.locks and gone and not protocol.proves:
        yield step_of(world, who, Step.RUN_OUT, locks=False)
    if worker.life == Life.STOPPED:
        yield step_of(world, who, Step.CONTINUE, life=Life.WOKEN)
    is_at_work = worker.at not in (At.LOCK, At.NOTHING) or worker.locks
    if not world.faults or worker.life == Life.DEAD or not is_at_work:
        return
    faulty = world._replace(faults=world.faults - 1)
    if worker.life == Life.RUNS:
        yield step_of(faulty, who, Step.STOP, life=Life.STOPPED)
    yield _kill(faulty, protocol, who, worker)


def _kill(world: World, protocol: Protocol, who: int, worker: Worker) -> Change:
    """End a process; the system frees a lock that proves it."""
    notes: tuple[Note, ...] = ()
    if worker.got == Got.TOKEN and worker.at != At.HAND_OUT:
        world, notes = world._replace(excused=True), (Note.DIED,)
    if (
        At.CHECK <= worker.at <= At.STORE or At.TAKE_OFF <= worker.at <= At.LOST_TWICE
    ):  # it may be sent, and refused, once more
        world = world._replace(margin=world.margin + 1, refusals=world.refusals + 1)
    if worker.got == Got.ON_ITS_WAY and protocol.late:
        world = world._replace(ghosts=world.ghosts + 1)
    dead = Worker(
        life=Life.DEAD,
        at=At.NOTHING,
        locks=worker.locks and not protocol.proves,
        marks=worker.marks,
        looks=0,
    )
    return Change(who, Step.KILL, with_worker(world, who, dead), notes)
