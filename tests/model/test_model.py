"""The refresh protocol holds its rules, whoever is killed or stopped at whichever step."""

from __future__ import annotations

import pytest

from model.exploring import canonical, explore
from model.protocol import changes
from model.rules import BROKEN, Note, Rule
from model.runs import KILLS, LATE, MISHAPS, SABOTAGES, Sabotage, broken, whole
from model.steps import Step
from model.worlds import At, Life, Limits, Protocol, World, begin

pytestmark = pytest.mark.proves(
    "Tokens and stores",
    "the refresh protocol in every interleaving: a model of it",
    rfc="RFC 6749 §6",
    judge="none but ours",
)

LOCKS = pytest.mark.parametrize("proves", [True, False], ids=["proves death", "lease"])


def everything(protocol: Protocol, limits: Limits) -> set[World]:
    """Return all worlds, those that differ in the order of their workers alone, too."""
    seen = {begin(limits)}
    waiting = list(seen)
    while waiting:
        for change in changes(waiting.pop(), protocol):
            if change.world not in seen:
                seen.add(change.world)
                waiting.append(change.world)
    return seen


@LOCKS
@pytest.mark.parametrize("limits", [KILLS, MISHAPS], ids=["kills", "mishaps"])
def test_the_rules_hold(limits: Limits, proves: bool) -> None:
    """Of three workers, in every interleaving, no rule is broken, and no run goes on for ever."""
    found = whole(limits, proves=proves)
    assert {} == found.broken, found.traces
    assert not found.loops


@LOCKS
def test_what_may_happen(proves: bool) -> None:
    """Only a lease costs a needless login; the other losses happen with either lock."""
    every = [whole(limits, proves=proves) for limits in (KILLS, MISHAPS)]
    noted = {note for note in Note if any(found.noted[note] for found in every)}
    either = {Note.DIED, Note.DROPPED, Note.TWICE}
    assert (either if proves else either | {Note.KILLED, Note.STOPPED}) == noted


@LOCKS
def test_without_mishaps(proves: bool) -> None:
    """Where nothing goes wrong, each step of the road is taken, and one request sent."""
    found = explore(Protocol(proves=proves), Limits(faults=0, mishaps=0))
    road = set(list(Step)[: list(Step).index(Step.HAND_OUT) + 1])
    assert road | (set() if proves else {Step.CHECK}) == set(found.taken)
    assert (1, 1, 1) == (found.taken[Step.SEND], found.taken[Step.ROTATE], found.taken[Step.STORE])
    assert not found.noted


def test_every_step_is_taken() -> None:
    """No step of the model is one on paper only."""
    every = [
        whole(limits, proves=proves) for limits in (KILLS, MISHAPS) for proves in (True, False)
    ]
    assert set(Step) == {step for found in every for step in found.taken}


@LOCKS
def test_a_kill_and_a_stop_at_each_step(proves: bool) -> None:
    """Whatever a worker that has the lock is about to do, it is killed there, and stopped."""
    hit: dict[Step, set[At]] = {Step.KILL: set(), Step.STOP: set()}
    busy: set[At] = set()
    for world in everything(Protocol(proves=proves), Limits(workers=2, faults=1, mishaps=2)):
        busy |= {one.at for one in world.workers if one.locks and one.life != Life.DEAD}
        for change in changes(world, Protocol(proves=proves)):
            if change.step in hit:
                hit[change.step].add(world.workers[change.who].at)
    assert {Step.KILL: busy, Step.STOP: busy} == hit
    assert set(At) - {At.LOCK, At.NOTHING, *([At.CHECK] if proves else [])} == busy


@LOCKS
def test_workers_are_alike(proves: bool) -> None:
    """That worlds are looked at in one order of their workers leaves none out."""
    limits = Limits(workers=2, faults=1, mishaps=1, logins=1)
    seen = everything(Protocol(proves=proves), limits)
    one_of_each = {canonical(world) for world in seen}
    assert len(one_of_each) == explore(Protocol(proves=proves), limits).worlds < len(seen)


@LOCKS
def test_a_request_that_arrives_late(proves: bool) -> None:
    """What no client can help: a request overtaken by a later one revokes the family, no more."""
    found = whole(LATE, proves=proves)
    assert {Rule.REVOKED} == set(found.broken)
    assert f"-: {Step.REVOKE}" == found.traces[Rule.REVOKED][-1]


def test_doubts_that_are_not_written_down() -> None:
    """The rules hold either way; a grant that is in doubt for all is lost more often."""
    limits = Limits(faults=1, mishaps=1, logins=1)
    told = explore(Protocol(proves=False), limits)
    quiet = explore(Protocol(proves=False, doubts_end=False), limits)
    assert ({}, {}) == (told.broken, quiet.broken), (told.traces, quiet.traces)
    assert 0 < quiet.noted[Note.STOPPED] < told.noted[Note.STOPPED]


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=str)
def test_sabotage(sabotage: Sabotage) -> None:
    """Whatever is done wrong breaks a rule, and the model shows the way."""
    found = broken(sabotage)
    trace = found.traces[sabotage.rule]
    print(f"{BROKEN[sabotage.name]}: {sabotage.rule}", *trace, sep="\n    ")
    assert trace[0] == f"A: {Step.LOCK}"


def test_every_sabotage_is_told() -> None:
    """Each way to get it wrong has its line."""
    assert set(BROKEN) == {sabotage.name for sabotage in SABOTAGES}


def test_a_loop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A protocol that goes round in a circle is told from one that ends."""
    from model import exploring
    from model.rules import Change

    def stands_still(world: World, protocol: Protocol) -> list[Change]:
        return [*changes(world, protocol), Change(0, Step.READ_AGAIN, world)]

    monkeypatch.setattr(exploring, "changes", stands_still)
    assert explore(Protocol(proves=True), Limits(faults=0, mishaps=0)).loops
