"""What must never happen, what may, and how a step that leads somewhere is told."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from model.steps import Step
from model.worlds import Marked, Worker, World

__all__ = ["BROKEN", "Change", "Note", "Rule", "step_of", "with_worker", "written"]

BROKEN = {
    "no mark": "the refresh token is sent without a mark",
    "mark after send": "the mark is set when the answer is there",
    "spend foreign marks": "a foreign mark keeps nobody from sending, though the lock is a lease",
    "mark without compare": "the mark is set whatever is stored by now",
    "store without compare": "the new token is stored whatever is stored by now",
    "fail with the mark": "who could not mark gives up, and does not look whether the mark is there",
    "release before store": "the lock is freed with the new token in hand",
    "doubt unlocked": "who finds a foreign mark gives up though his own lease has run out",
    "doubt yourself": "who finds his own mark made final by somebody's doubt takes it for the end",
    "impatient": "who finds the mark of somebody who lives does not wait for the lock",
    "believe the refusal": "the store is not read again after invalid_grant",
    "deadline": "an answer that has waited for a stopped process is thrown away",
    "fencing": "a new token is stored by who still has the lock only",
    "forget what got lost": "an answer 'not used' takes the mark off though one got lost before",
    "never final": "two lost answers are no reason to stop",
    "refusal without a mark": "a refused refresh token is not marked as final",
    "keep the lock": "the lock is not freed after a refusal",
}
"""The ways to get it wrong on purpose, each by its name."""


class Rule(StrEnum):
    """What must never happen."""

    REVOKED = "families revoked while a process held, or could still store, a newer token"
    LOST = "tokens lost though the holder lived and the answer came"
    NEEDLESS = "needless `ReauthorizationRequired`"
    REQUESTS = (
        "token requests beyond one, one more for a dead holder and one more for a lost answer"
    )
    LOOP = "a refresh token refused twice, or sent after its mark was final"
    STUCK = "a living worker that waits for ever"
    LEFT = "a lock or a mark left behind by who lives"
    THROWN = "an answer in hand that was not stored"


class Note(StrEnum):
    """What may happen, and is counted."""

    DIED = "tokens that died with their holder"
    DROPPED = "tokens that were lost with their answer"
    KILLED = "needless `ReauthorizationRequired`: a holder was killed between mark and answer"
    STOPPED = "needless `ReauthorizationRequired`: a stopped holder outlasted its lease"
    TWICE = "needless `ReauthorizationRequired`: two requests, and neither was answered"


class Change(NamedTuple):
    """One step: of which worker (-1: of none), what it is, where it leads, what is to be noted."""

    who: int
    step: Step
    world: World
    notes: tuple[Rule | Note, ...] = ()


def with_worker(world: World, who: int, worker: Worker) -> World:
    """Return the world with another worker in the place of one."""
    workers = world.workers
    return world._replace(workers=(*workers[:who], worker, *workers[who + 1 :]))


def step_of(world: World, who: int, step: Step, *notes: Rule | Note, **fields: Any) -> Change:
    """Return a step that changes a worker's *fields*."""
    return Change(who, step, with_worker(world, who, world.workers[who]._replace(**fields)), notes)


def written(world: World, who: int) -> World:
    """Return the world after a worker has stored something: what others have read is outdated."""
    idle = world.mark not in (Marked.SENDING, Marked.DOUBTED)
    workers = tuple(
        worker._replace(current=worker.current and index == who, marks=worker.marks and not idle)
        if worker.current or worker.marks
        else worker
        for index, worker in enumerate(world.workers)
    )
    return world._replace(workers=workers)
