"""How many draws a law threw away, from what hypothesis counts in a run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from hypothesis.statistics import collector


@contextmanager
def counted_statuses(*, pass_on: bool = True) -> Generator[list[str]]:
    """
    Collect how each draw of a law ended: ``valid``, ``invalid`` or ``interesting``.

    ``overrun`` is left out: so end attempts of hypothesis's own to vary a draw, which are not
    thrown away because of what was drawn. *pass_on* False keeps the counts from hypothesis's own
    report.
    """
    statuses: list[str] = []
    outer: Any = collector.value

    def note(statistics: dict[str, Any]) -> None:
        for phase, counts in statistics.items():
            if phase.endswith("-phase"):
                statuses.extend(case["status"] for case in counts["test-cases"])
        statuses[:] = [status for status in statuses if status != "overrun"]
        if pass_on and outer is not None:
            outer(statistics)

    hypothesis_collector: Any = collector
    with hypothesis_collector.with_value(note):
        yield statuses


def share_discarded(statuses: list[str]) -> float:
    """Return the share of the draws that were thrown away, 0.0 to 1.0."""
    return statuses.count("invalid") / max(1, len(statuses))
