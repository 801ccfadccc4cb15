"""The table of what crashes cost: printed at the end of the session, and kept for the docs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import attrs

from crash.scenarios import Scenario
from crash.stage import Outcome

__all__ = ["Row", "as_markdown", "write"]

_HEAD = (
    "step",
    "fault",
    "token requests",
    "families revoked needlessly",
    "tokens lost",
    "needless re-logins",
    "adoptions",
    "in the end",
    "times",
)


@attrs.frozen(kw_only=True)
class Row:
    """What came of one scenario, on one store, at one server."""

    store: str
    service: str
    scenario: Scenario
    outcome: Outcome
    broken: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table shows of it, but for how often it was so."""
        found = self.outcome
        end = "log in again" if found.ended else "all go on"
        return (
            self.scenario.step or "-",
            self.scenario.fault,
            str(found.requests),
            str(found.needless),
            str(found.lost),
            str(found.needless_logins),
            str(found.adoptions),
            end + (" (BROKEN)" if self.broken else ""),
        )


def as_markdown(rows: Sequence[Row]) -> str:
    """Return a table for each store and server, rows that came out alike as one."""
    parts: list[str] = []
    for store, service in dict.fromkeys((row.store, row.service) for row in rows):
        mine = [row for row in rows if (row.store, row.service) == (store, service)]
        counted: dict[tuple[str, ...], int] = {}
        for row in mine:
            counted[row.cells] = counted.get(row.cells, 0) + 1
        lines = [_HEAD, tuple("-" * len(name) for name in _HEAD)]
        lines += [(*cells, str(times)) for cells, times in counted.items()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        seconds = sum(row.outcome.seconds for row in mine)
        parts += [f"### {store}, {service}", ""]
        parts += [
            f"| {' | '.join(f'{c:<{w}}' for c, w in zip(line, widths, strict=True))} |"
            for line in lines
        ]
        parts += ["", f"{len(mine)} scenarios in {seconds:.1f} s; {_sums(mine)}", ""]
    return "\n".join(parts)


def _sums(rows: Sequence[Row]) -> str:
    revoked = sum(row.outcome.needless for row in rows)
    lost = sum(row.outcome.lost for row in rows if not row.scenario.may_lose)
    needless = sum(row.outcome.needless_logins for row in rows)
    return (
        f"families revoked needlessly: {revoked}; tokens lost without a death or a lost answer: "
        f"{lost}; needless re-logins: {needless}"
    )


def write(rows: Sequence[Row], folder: Path) -> str:
    """Write the table as Markdown and JSON into *folder*; return the Markdown."""
    text = as_markdown(rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(text, encoding="utf-8")
    listed = [
        {
            "store": row.store,
            "server": row.service,
            "step": row.scenario.step,
            "fault": row.scenario.fault,
            "broken": row.broken,
            **attrs.asdict(row.outcome),
        }
        for row in rows
    ]
    (folder / "table.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")
    return text
