"""
Timing that other tenants of the machine disturb as little as possible.

A *block* runs an operation n times and returns the nanoseconds of CPU time that took. Blocks that are
to be compared run interleaved, in rounds of random order, so that what else the machine does falls on
all of them alike. A ratio is taken round by round, and the median of those ratios is the figure: it
moves far less than a ratio of two medians. A time by itself is the least of all rounds.
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

import attrs

from bench.figures import Figure

__all__ = ["Block", "Effort", "Rounds", "block", "exponent", "interleave"]

T = TypeVar("T")
Block = Callable[[int], int]

_ENOUGH_TO_CALIBRATE = 0.2
_MOST = 1 << 20


@attrs.frozen
class Effort:
    """How long to measure: rounds of blocks, seconds per block, fresh interpreters."""

    rounds: int
    seconds: float
    interpreters: int


@attrs.frozen
class Rounds:
    """What one block took in each round, in µs per operation."""

    took: tuple[float, ...]

    @property
    def typical(self) -> float:
        """The median."""
        return median(self.took)

    def figure(self, name: str, limit: float) -> Figure:
        """Return the least of all rounds as a figure."""
        detail = f"median {self.typical:.2f} µs"
        return Figure(name, min(self.took), "µs", limit, detail=detail)

    def over(self, other: Rounds) -> float:
        """Return the ratio to another block of the same run: the median of those of the rounds."""
        return median(a / b for a, b in zip(self.took, other.took, strict=True))

    def added_to(self, base: Rounds) -> Rounds:
        """Return what this block takes more than *base*, round by round."""
        return Rounds(tuple(a - b for a, b in zip(self.took, base.took, strict=True)))


def block(operation: Callable[[T], object], make: Callable[[int], T]) -> Block:
    """Return the block of *operation*; what it is called with is made before the time is taken."""

    def run(n: int) -> int:
        inputs = [make(i) for i in range(n)]
        start = time.process_time_ns()
        for item in inputs:
            operation(item)
        return time.process_time_ns() - start

    return run


def interleave(blocks: Mapping[str, Block], effort: Effort) -> dict[str, Rounds]:
    """Run *blocks* side by side."""
    counts = {name: _calibrate(run, effort.seconds) for name, run in blocks.items()}
    took: dict[str, list[float]] = {name: [] for name in blocks}
    order = list(blocks)
    shuffle = random.Random(1).shuffle
    for _ in range(effort.rounds):
        shuffle(order)
        for name in order:
            gc.collect()
            took[name].append(blocks[name](counts[name]) / counts[name] / 1000)
    return {name: Rounds(tuple(times)) for name, times in took.items()}


def _calibrate(run: Block, seconds: float) -> int:
    """Return how many operations take about *seconds*."""
    run(1)  # what is made on first use is none of an operation's time
    n = 1
    while True:
        took = run(n) / 1e9
        if took >= seconds * _ENOUGH_TO_CALIBRATE or n >= _MOST:
            return max(1, min(_MOST, int(n * seconds / took)))
        n *= 2


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """Return k of times ~ sizes**k: the slope of the line through both logarithms."""
    xs, ys = [math.log(size) for size in sizes], [math.log(took) for took in times]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
        (a - x) ** 2 for a in xs
    )
