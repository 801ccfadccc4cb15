"""Every world that can be reached, breadth first, so that the first trace found is a shortest."""

from __future__ import annotations

import gc
from collections import Counter, deque

import attrs

from model.protocol import changes, is_progress, left_behind
from model.rules import Note, Rule
from model.steps import Step
from model.worlds import Limits, Protocol, World, begin

__all__ = ["Explored", "canonical", "explore"]


@attrs.define
class Explored:
    """
    What there is to say of all worlds of a protocol.

    *worlds* were found and *steps* between them, *ends* are worlds in which nothing comes by
    itself any more. *taken* counts the steps by name, *noted* what was noted at them. *traces* are
    shortest ones to each rule that is broken, one line for each step. *loops* says whether a run
    can go on for ever.
    """

    protocol: Protocol
    limits: Limits
    worlds: int = 0
    steps: int = 0
    ends: int = 0
    loops: bool = False
    taken: Counter[Step] = attrs.field(factory=Counter[Step])
    noted: Counter[Rule | Note] = attrs.field(factory=Counter[Rule | Note])
    traces: dict[Rule, list[str]] = attrs.field(factory=dict[Rule, list[str]])

    @property
    def broken(self) -> dict[Rule, int]:
        """How often each rule was broken."""
        return {rule: self.noted[rule] for rule in Rule if self.noted[rule]}


def explore(protocol: Protocol, limits: Limits, *, until: Rule | None = None) -> Explored:
    """
    Look at every world, or at those before the first one that breaks the rule *until*.

    Workers are alike, so worlds that differ in their order alone are one.
    """
    collects = gc.isenabled()
    gc.disable()  # a million tuples, and none of them in a circle
    try:
        return _explore(protocol, limits, until)
    finally:
        if collects:
            gc.enable()


def _explore(protocol: Protocol, limits: Limits, until: Rule | None) -> Explored:
    found = Explored(protocol, limits)
    start = begin(limits)
    parents: dict[World, World | None] = {start: None}
    following: dict[World, list[World]] = {}
    waiting = deque([start])
    while waiting and until not in found.traces:
        world = waiting.popleft()
        nexts: list[World] = []
        goes_on = False
        for change in changes(world, protocol):
            found.steps += 1
            found.taken[change.step] += 1
            goes_on = goes_on or is_progress(change.step)
            after = canonical(change.world)
            if after not in parents:
                parents[after] = world
                waiting.append(after)
            nexts.append(after)
            for note in change.notes:
                found.noted[note] += 1
                if isinstance(note, Rule) and note not in found.traces:
                    found.traces[note] = trace([*_path(parents, world), after], found, note)
        following[world] = nexts
        if not goes_on:
            found.ends += 1
            for rule in left_behind(world, protocol):
                found.noted[rule] += 1
                if rule not in found.traces:
                    found.traces[rule] = trace(_path(parents, world), found)
    found.worlds = len(following)
    found.loops = until is None and _has_a_loop(following)
    return found


def canonical(world: World) -> World:
    """Return the one of all worlds that differ in the order of their workers alone."""
    return world._replace(workers=tuple(sorted(world.workers)))


def trace(path: list[World], found: Explored, note: Rule | None = None) -> list[str]:
    """
    Tell a path in words, each worker with the same name all along.

    *note* is what the last step has to say, where more than one leads there.
    """
    names = "ABCDEFGH"
    world = path[0]
    lines: list[str] = []
    for number, wanted in enumerate(path[1:], 2):
        for change in changes(world, found.protocol):
            last = number == len(path)
            if canonical(change.world) == wanted and (
                not last or note is None or note in change.notes
            ):
                actor = names[change.who] if change.who >= 0 else "-"
                lines.append(f"{actor}: {change.step}")
                world = change.world
                break
    return lines


def _path(parents: dict[World, World | None], world: World) -> list[World]:
    path = [world]
    while (before := parents[path[-1]]) is not None:
        path.append(before)
    return path[::-1]


def _has_a_loop(following: dict[World, list[World]]) -> bool:
    """Tell whether a world can be reached from itself: take away what nothing leads to."""
    leading = Counter(after for nexts in following.values() for after in nexts)
    free = [world for world in following if not leading[world]]
    gone = 0
    while free:
        world = free.pop()
        gone += 1
        for after in following[world]:
            leading[after] -= 1
            if not leading[after]:
                free.append(after)
    return gone < len(following)
