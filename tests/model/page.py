"""
The tables of docs/rotation.md, made by the model.

``python page.py`` compares the page with what the model says; ``--write`` writes it.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Sequence

from model.exploring import Explored
from model.rules import BROKEN, Note, Rule
from model.runs import KILLS, LATE, MISHAPS, SABOTAGES, broken, whole
from model.steps import Step
from support import ROOT

__all__ = ["PAGE", "main", "written"]

PAGE = ROOT / "docs/rotation.md"
COMMAND = "PYTHONPATH=tests python tests/model/page.py --write"

_LOCKS = {True: "proves death", False: "lease"}
_ROWS: dict[str, Callable[[Explored], int]] = {
    "worlds": lambda found: found.worlds,
    "steps between them": lambda found: found.steps,
    "kills": lambda found: found.taken[Step.KILL],
    "stops": lambda found: found.taken[Step.STOP],
    "leases that ran out": lambda found: found.taken[Step.RUN_OUT],
    "token requests": lambda found: found.taken[Step.SEND],
    "answers that got lost": lambda found: found.taken[Step.LOSE],
    "failures of the store": lambda found: found.taken[Step.STORE_FAILS],
}


def written(page: str) -> str:
    """Return the page with the tables that the model makes in the place of those that it has."""
    for name, make in {"counts": _counts, "late": _late, "sabotages": _sabotages}.items():
        begin, end = f"<!-- {name}, made by `{COMMAND}` -->\n", f"<!-- end of {name} -->"
        before, found, rest = page.partition(begin)
        _, found_too, after = rest.partition(end)
        if not (found and found_too):
            raise SystemExit(f"{PAGE.name} has no place for {name}")
        page = f"{before}{begin}\n{make()}\n\n{end}{after}"
    return page


def _counts() -> str:
    """Count what was looked at, what must not happen, and what may."""
    columns = [
        f"{_LOCKS[proves]}: {around}"
        for proves in (True, False)
        for around in ("3 kills or stops, 1 mishap", "1 kill or stop, 2 mishaps, 1 login")
    ]
    every = [
        whole(limits, proves=proves) for proves in (True, False) for limits in (KILLS, MISHAPS)
    ]
    rows = [(name, [count(found) for found in every]) for name, count in _ROWS.items()]
    rows += [(f"**{rule}**", [found.noted[rule] for found in every]) for rule in Rule]
    rows += [
        ("**runs without an end**", [int(found.loops) for found in every]),
        *((str(note), [found.noted[note] for found in every]) for note in Note),
    ]
    rows = [(name, counts) for name, counts in rows if any(counts) or name.startswith("**")]
    return _table(["", *columns], [[name, *map(_number, counts)] for name, counts in rows])


def _late() -> str:
    """Show what a late request does."""
    rows: list[list[str]] = []
    for proves, lock in _LOCKS.items():
        found = whole(LATE, proves=proves)
        rows += [[lock, str(rule), _number(count)] for rule, count in found.broken.items()]
    trace = whole(LATE, proves=True).traces[Rule.REVOKED]
    return f"{_table(['lock', 'rule', 'broken'], rows)}\n\n{_fenced(trace)}"


def _sabotages() -> str:
    """Show what each mistake breaks."""
    rows = [
        [
            BROKEN[one.name],
            _LOCKS[one.proves],
            str(one.rule),
            str(len(broken(one).traces[one.rule])),
        ]
        for one in SABOTAGES
    ]
    shown = next(one for one in SABOTAGES if one.name == "spend foreign marks")
    table = _table(["what is done wrong", "lock", "what breaks", "steps"], rows)
    return f"{table}\n\nThe way for *{BROKEN[shown.name]}*:\n\n{_fenced(broken(shown).traces[shown.rule])}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _fenced(trace: Sequence[str]) -> str:
    return "\n".join(["```text", *trace, "```"])


def _number(count: int) -> str:
    return f"{count:,}"


def main(arguments: Sequence[str]) -> int:
    """Compare the page with the model, or write it; return the exit status."""
    there = PAGE.read_text(encoding="utf-8")
    text = written(there)
    if "--write" in arguments:
        PAGE.write_text(text, encoding="utf-8")
    elif there != text:
        old, new = there.splitlines(), text.splitlines()
        name = PAGE.relative_to(ROOT).as_posix()
        print("\n".join(difflib.unified_diff(old, new, name, "the model", lineterm="", n=0)))
        print(f"\nIf this is as it should be, `{COMMAND}` writes it.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
