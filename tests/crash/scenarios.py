"""What happens to a process that shares a grant: by step of its refresh, and by fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import attrs

from crash.fleet import Hand
from crash.gate import Fault
from crash.stage import Outcome, Stage

__all__ = ["LEASE", "POINTS", "SCENARIOS", "WAITING", "Scenario"]

POINTS = ("before-mark", "before-send", "after-rotation", "after-store")
# The answer is on its way, and the process waits for it; the others stand in its code.
WAITING = "after-rotation, answer waiting"
LEASE = "SIGSTOP, the lease runs out, and others come"


@attrs.frozen(kw_only=True)
class Scenario:
    """
    One fault at one step.

    *requests* are the most token requests that it may cost. *may_lose*: the holder died, or the
    answer was lost, between the server's rotation and the store. *may_doubt*: the holder was killed
    between mark and answer, so that a lease cannot tell whether he still lives.
    *leases*: only where locks are leases. *replaces*: only where they prove death, since nobody
    goes on otherwise.
    """

    step: str
    fault: str
    play: Callable[[Stage], None]
    requests: int = 1
    may_lose: bool = False
    may_doubt: bool = False
    leases: bool = False
    replaces: bool = False

    @property
    def name(self) -> str:
        """Step and fault."""
        return f"{self.step}: {self.fault}" if self.step else self.fault

    def faults_of(self, outcome: Outcome, *, proves_death: bool) -> list[str]:
        """Hold *outcome* against the rules; return what is broken of them."""
        broken = list(outcome.odd)
        if outcome.needless:
            broken.append(
                "a family was revoked while a living process had, or could get, its token"
            )
        if outcome.lost and not self.may_lose:
            broken.append("a token was lost")
        if outcome.needless_logins and (proves_death or not self.may_doubt):
            broken.append("a user was asked to log in without need")
        if outcome.requests > self.requests:
            broken.append(f"{outcome.requests} token requests, {self.requests} at most")
        if outcome.loops:
            broken.append(f"{outcome.loops} token requests after all was said")
        if outcome.following != (0 if outcome.ended else 1):
            broken.append(f"{outcome.following} token requests at the next expiry")
        if outcome.ended and not (outcome.lost or outcome.needless_logins):
            broken.append("the grant has ended, for no reason")
        return broken


# SIGKILL.


def _nothing(stage: Stage) -> None:
    stage.call(stage.fleet.hands)
    stage.hear(stage.fleet.hands)


def _kill_at(point: str, stage: Stage) -> None:
    victim = stage.bring_to(point)
    others = stage.others
    stage.queue(others)
    stage.kill(victim)
    stage.lapse()
    stage.hear(others)


def _kill_two_at(point: str, stage: Stage) -> None:
    """Kill who goes on as well."""
    victim = stage.bring_to(point)
    second, *others = stage.others
    second.tell("arm", point=point)
    stage.queue([second])
    stage.kill(victim)
    stage.lapse()
    second.hear("at", point=point)
    stage.queue(others)
    stage.kill(second)
    stage.lapse()
    stage.hear(others)


def _kill_waiting(stage: Stage) -> None:
    victim, _ = stage.bring_before_answer()
    others = stage.others
    stage.queue(others)
    stage.kill(victim)
    stage.lapse()
    stage.hear(others)


# SIGSTOP, then SIGCONT.


def _stop_at(point: str, stage: Stage) -> None:
    """Wake it while the others still wait."""
    victim = stage.bring_to(point)
    victim.stop()
    stage.queue(stage.others)
    victim.wake()
    victim.tell("go")
    stage.hear(stage.fleet.hands)


def _stop_waiting(stage: Stage) -> None:
    victim, sent = stage.bring_before_answer()
    victim.stop()
    stage.queue(stage.others)
    stage.release(sent)
    victim.wake()
    stage.hear(stage.fleet.hands)


def _sleep_at(point: str, stage: Stage) -> None:
    """Wake it when all deadlines are over, its own as well."""
    victim = stage.bring_to(point)
    victim.stop()
    _give_up(stage)
    victim.tell("jump")
    victim.tell("go")
    victim.wake()
    _wake_up(stage)


def _sleep_waiting(stage: Stage) -> None:
    victim, sent = stage.bring_before_answer()
    victim.stop()
    _give_up(stage)
    stage.release(sent)
    victim.wake(late=True)
    _wake_up(stage)


def _wake_up(stage: Stage) -> None:
    """Have the others call before the victim does, whatever came of what it was about to do."""
    victim, others = stage.victim, stage.others
    (said,) = stage.hear([victim])
    stage.call(others)
    if "error" in said:
        stage.tempt()
    stage.call([victim])
    stage.hear(stage.fleet.hands)


def _give_up(stage: Stage) -> None:
    """Have the others wait for the lock until their deadlines are over; and the leases with them."""
    stage.queue(stage.others)
    for hand in stage.others:
        hand.tell("jump")
    stage.hear(stage.others)
    stage.lapse()


# Answers.


def _late(stage: Stage, **fault: bool) -> None:
    """Have the deadline pass while the answer is held; then it comes, and nobody listens."""
    victim, sent = stage.bring_before_answer(**fault)
    others = stage.others
    stage.queue(others)
    victim.tell("jump")
    gate = stage.service.gate
    gate.wait(lambda: sent.fate == "abandoned", "the victim to hang up")
    gate.release()
    stage.hear(stage.fleet.hands)


def _answers(fault: Fault, stage: Stage) -> None:
    """Have all call while the first answer goes wrong."""
    stage.spoil(fault)
    stage.call(stage.fleet.hands)
    stage.hear(stage.fleet.hands)


# The store.


def _store_gone_at_first(stage: Stage) -> None:
    """Have all call while there is no store."""
    hands = stage.fleet.hands
    stage.backing.gone(hands)
    stage.call(hands)
    stage.hear(hands)
    stage.backing.back(hands)


def _store_gone_at(point: str, stage: Stage) -> None:
    """Take the store away from one who stands at *point*, and give it back when he has failed."""
    victim, others = _fail(point, stage)
    stage.backing.back([victim])
    if point == "before-mark":
        stage.lapse()  # he could not free what he had no use for
    if stage.backing.serves_all:
        stage.call(others)
    stage.tempt()
    stage.call([victim])
    stage.hear(stage.fleet.hands)


def _store_gone_then_killed(stage: Stage) -> None:
    """The same, but he dies before he can store what he has."""
    victim, others = _fail("after-rotation", stage)
    stage.kill(victim)
    stage.backing.back([])
    stage.lapse()
    if stage.backing.serves_all:
        # Where the locks have ended with their server he may live, for as long as a lease lasts.
        stage.now += 100
        stage.call(others)
    stage.hear(others)


def _fail(point: str, stage: Stage) -> tuple[Hand, Sequence[Hand]]:
    """Have one fail at *point* for lack of a store, and those who wait, too, if they have none."""
    victim = stage.bring_to(point)
    others = stage.others
    stage.queue(others)
    stage.backing.gone([victim])
    victim.tell("go")
    stage.hear([victim])
    if stage.backing.serves_all:
        stage.hear(others)
    return victim, others


# Leases.


def _lease_runs_out_at(point: str, stage: Stage) -> None:
    """Have others come when the lease has ended of one who is stopped at *point*; then wake him."""
    victim = stage.bring_to(point)
    victim.stop()
    _overtake(stage)
    victim.tell("jump")
    victim.tell("go")
    victim.wake()
    _wake_up(stage)


def _lease_runs_out_waiting(stage: Stage) -> None:
    victim, sent = stage.bring_before_answer()
    victim.stop()
    _overtake(stage)
    stage.release(sent)
    victim.wake(late=True)
    _wake_up(stage)


def _overtake(stage: Stage) -> None:
    stage.queue(stage.others)
    stage.lapse()
    stage.hear(stage.others)


_KILL = "SIGKILL"
_KILL_TWO = "SIGKILL, and who replaces it as well"
_STOP = "SIGSTOP, woken in time"
_SLEEP = "SIGSTOP, woken after all deadlines"

SCENARIOS = (
    Scenario(step="", fault="nothing happens", play=_nothing),
    Scenario(step="before-mark", fault=_KILL, play=partial(_kill_at, "before-mark")),
    Scenario(
        step="before-mark",
        fault=_KILL_TWO,
        play=partial(_kill_two_at, "before-mark"),
    ),
    Scenario(
        step="before-send",
        fault=_KILL,
        play=partial(_kill_at, "before-send"),
        may_doubt=True,
    ),
    Scenario(
        step="before-send",
        fault=_KILL_TWO,
        play=partial(_kill_two_at, "before-send"),
        replaces=True,
    ),
    Scenario(step=WAITING, fault=_KILL, play=_kill_waiting, requests=2, may_lose=True),
    Scenario(
        step="after-rotation",
        fault=_KILL,
        play=partial(_kill_at, "after-rotation"),
        requests=2,
        may_lose=True,
    ),
    Scenario(step="after-store", fault=_KILL, play=partial(_kill_at, "after-store")),
    *(Scenario(step=point, fault=_STOP, play=partial(_stop_at, point)) for point in POINTS),
    Scenario(step=WAITING, fault=_STOP, play=_stop_waiting),
    *(Scenario(step=point, fault=_SLEEP, play=partial(_sleep_at, point)) for point in POINTS),
    Scenario(step=WAITING, fault=_SLEEP, play=_sleep_waiting),
    Scenario(
        step="answer",
        fault="later than the deadline",
        play=partial(_late, late=True),
        requests=2,
        may_lose=True,
    ),
    Scenario(
        step="send",
        fault="does not reach the server before the deadline",
        play=partial(_late, early=True, reaches=False),
        requests=2,
    ),
    Scenario(
        step="answer",
        fault="connection dropped after rotating",
        play=partial(_answers, Fault(drops=True)),
        requests=2,
        may_lose=True,
    ),
    Scenario(
        step="send",
        fault="connection dropped before the server has it",
        play=partial(_answers, Fault(reaches=False, drops=True)),
        requests=2,
    ),
    Scenario(
        step="answer",
        fault="500 after rotating",
        play=partial(_answers, Fault(status=500)),
        requests=2,
        may_lose=True,
    ),
    Scenario(
        step="answer",
        fault="500 without rotating",
        play=partial(_answers, Fault(reaches=False, status=500)),
        requests=2,
    ),
    Scenario(
        step="answer",
        fault="503",
        play=partial(_answers, Fault(reaches=False, status=503)),
        requests=2,
    ),
    Scenario(
        step="answer",
        fault="429 with Retry-After",
        play=partial(_answers, Fault(reaches=False, status=429, headers=("Retry-After: 0",))),
        requests=2,
    ),
    Scenario(step="lock", fault="store gone and back", play=_store_gone_at_first),
    Scenario(
        step="before-mark",
        fault="store gone and back",
        play=partial(_store_gone_at, "before-mark"),
    ),
    Scenario(
        step="after-rotation",
        fault="store gone and back",
        play=partial(_store_gone_at, "after-rotation"),
    ),
    Scenario(
        step="after-rotation",
        fault="store gone, then SIGKILL",
        play=_store_gone_then_killed,
        requests=2,
        may_lose=True,
    ),
    *(
        Scenario(
            step=point,
            fault=LEASE,
            play=partial(_lease_runs_out_at, point),
            leases=True,
        )
        for point in POINTS
    ),
    Scenario(step=WAITING, fault=LEASE, play=_lease_runs_out_waiting, leases=True),
)
