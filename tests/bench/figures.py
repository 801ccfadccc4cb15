"""A figure, its limit, and the table of all."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

__all__ = ["Figure", "show"]

_UNITS = {"KiB": " KiB", "x": " x", "µs": " µs", "ms": " ms", "": ""}


@attrs.frozen
class Figure:
    """
    One measured figure; *limit* is the most that it may be, or the least where *at_least*.

    None is the limit of what others do. *detail* says what it was made from.
    """

    name: str
    measured: float
    unit: str
    limit: float | None
    at_least: bool = False
    detail: str = ""

    @property
    def passes(self) -> bool:
        """Whether the figure keeps its limit, if it has one."""
        if self.limit is None:
            return True
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        unit = _UNITS[self.unit]
        bound = verdict = ""
        if self.limit is not None:
            bound = f"{'≥' if self.at_least else '≤'} {self.limit:g}{unit}"
            verdict = "pass" if self.passes else "FAIL"
        measured = f"{self.measured:.2f}{unit}"
        return f"{self.name:<54} {measured:>10}  {bound:<10} {verdict:<4}  {self.detail}".rstrip()


def show(title: str, figures: Iterable[Figure]) -> list[Figure]:
    """Print figures as they come, and return them."""
    print(f"\n{title}", flush=True)
    shown: list[Figure] = []
    for figure in figures:
        print(f"  {figure}", flush=True)
        shown.append(figure)
    return shown
