"""
The page docs/conformance.md and README's table, made from what test runs have recorded.

``python page.py RECORD… [--write]`` compares both with the records, and says how they differ;
``--write`` writes them instead.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from proofs.judges import AREAS, OURS, TESTS, VECTORS
from support import ROOT

__all__ = [
    "PAGE",
    "README",
    "Proof",
    "Row",
    "excerpt",
    "main",
    "page_of",
    "read",
    "read_rows",
    "rows_of",
]

PAGE = ROOT / "docs/conformance.md"
README = ROOT / "README.md"
# A claim that was recorded (proofs.record).
Proof = dict[str, Any]
COMMAND = "nox -s conformance -- --write"
NOBODY = f"*{OURS}*"
HEAD = "| feature | RFC | judge | test |"
README_HEAD = "| | judged by somebody else | judges | judged by none but ours |"

INTRODUCTION = f"""\
<!-- Made by the test run; `{COMMAND}` writes it from the last one. -->

# What is proved, and by whom

Every row stands for tests that passed in the run that made this page; `nox` fails where a run proves something else. A test says itself what
it proves, by `@pytest.mark.proves` in the file that the row names, and a row is here only if all tests that say so have passed.

The judge is whoever says that the result is right:

* *software of somebody else*, at the version that the tests install: it signs what we verify, verifies what we sign, is the server that we talk to,
  or does the same thing so that the two can be compared. Where it is wrong itself, it is not asked (`tests/property/oauthlib_flaws.py` is the list);
* *published vectors*: values that stand in an RFC, a service's documentation or another library's tests; [below](#the-vectors-sources) is where.
  Those that we made ourselves run with them and are not counted;
* *the RFC's example*, copied into the test;
* *{OURS}*: our own tests, and nobody else has looked. The embedded servers are ours as well: a second implementation that shares no code
  with the client. Who judges them is [told like the rest](#servers-simulators-and-laws-for-tests).

No row is about a real service: no test calls one.
"""


@attrs.frozen(order=True)
class Row:
    """One row of the page: its cells as they stand there, and the area it is in."""

    area: str
    rfc: str
    feature: str
    judge: str
    tests: str

    @property
    def judged(self) -> bool:
        """Tell whether anybody else has judged it."""
        return self.judge != NOBODY

    def key(self) -> tuple[object, ...]:
        """Sort by area, then as an RFC is read, what no RFC speaks of last."""
        numbers = [int(number) for number in re.findall(r"\d+", self.rfc)]
        return (
            AREAS.index(self.area),
            self.rfc == "none",
            numbers,
            self.feature,
            not self.judged,
            self.judge,
        )


def read(records: Iterable[Path]) -> list[Proof]:
    """Read what the runs have recorded."""
    found: list[Proof] = []
    for record in records:
        found += json.loads(record.read_text(encoding="utf-8"))["proofs"]
    return found


def rows_of(proofs: Iterable[Proof]) -> list[Row]:
    """Make the rows: one for each feature by each judge."""
    merged: dict[tuple[str, str, str, str], set[str]] = {}
    for proof in proofs:
        name, version, count = proof["judge"], proof["version"], len(proof["vectors"])
        judge = NOBODY if name == OURS else f"{name} {version}" if version else name
        if name == VECTORS:
            judge = f"{count} published vector{'s' * (count > 1)}"
        key = proof["area"], proof["rfc"] or "none", proof["feature"], judge
        merged.setdefault(key, set()).update(proof["tests"])
    rows = [
        Row(area, rfc, feature, judge, ", ".join(f"`{test}`" for test in sorted(tests)))
        for (area, rfc, feature, judge), tests in merged.items()
    ]
    return sorted(rows, key=Row.key)


def page_of(proofs: Sequence[Proof]) -> str:
    """Write the page."""
    rows = rows_of(proofs)
    parts = [INTRODUCTION]
    for area in AREAS:
        inside = [row for row in rows if row.area == area]
        if inside:
            lines = [f"| {row.feature} | {row.rfc} | {row.judge} | {row.tests} |" for row in inside]
            head = [HEAD, "|---|---|---|---|"]
            parts.append("\n".join([f"## {area}", "", *head, *lines, ""]))
    return "\n".join([*parts, _sources({name for proof in proofs for name in proof["vectors"]})])


def read_rows(page: str) -> list[Row]:
    """Read the rows back from the page."""
    found: list[Row] = []
    for chapter in page.split("\n## ")[1:]:
        area, _, rest = chapter.partition("\n")
        if area in AREAS:
            for line in rest.splitlines():
                if line.startswith("| ") and line != HEAD:
                    feature, rfc, judge, tests = line.strip("| ").split(" | ")
                    found.append(Row(area, rfc, feature, judge, tests))
    return found


def excerpt(rows: Sequence[Row]) -> str:
    """Write README's table: how much of each area somebody else judges, and what nobody does."""
    lines = [README_HEAD, "|---|---|---|---|"]
    for area in AREAS:
        inside = [row for row in rows if row.area == area]
        judged = {row.feature for row in inside if row.judged}
        everything = list(dict.fromkeys(row.feature for row in inside))
        judges = {re.sub(r"^\d+ published vectors?$", VECTORS, r.judge) for r in inside if r.judged}
        if inside:
            ours = "; ".join(feature for feature in everything if feature not in judged)
            lines.append(
                f"| {area} | {len(judged)} of {len(everything)} "
                f"| {', '.join(sorted(judges, key=str.lower)) or 'none'} | {ours or 'none'} |"
            )
    return "\n".join([*lines, ""])


def _sources(used: set[str]) -> str:
    """List where the vectors that were counted are from."""
    lines = ["## The vectors' sources", ""]
    for path in sorted(TESTS.joinpath("vectors").glob("*.json")):
        vectors = json.loads(path.read_text(encoding="utf-8"))["vectors"]
        sources = sorted({vector["source"] for vector in vectors if vector["id"] in used})
        if sources:
            lines += [f"`tests/vectors/{path.name}`:", "", *(f"* {one}" for one in sources), ""]
    return "\n".join(lines)


def _put(readme: str, table: str) -> str:
    """Put the table in the place of README's."""
    before, head, rest = readme.partition(README_HEAD)
    if not head:
        raise SystemExit(f"README.md has no table that begins with {README_HEAD}")
    _, _, after = rest.partition("\n\n")
    return f"{before}{table}\n{after}"


def main(arguments: Sequence[str]) -> int:
    """Compare page and README with the records, or write them; return the exit status."""
    records = [Path(argument) for argument in arguments if argument != "--write"]
    missing = [str(record) for record in records if not record.is_file()]
    if missing:
        print(f"no record of a run: {', '.join(missing)}")
        return 2
    page = page_of(read(records))
    texts = {PAGE: page, README: _put(README.read_text(encoding="utf-8"), excerpt(read_rows(page)))}
    different = False
    for path, text in texts.items():
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        if "--write" in arguments:
            path.write_text(text, encoding="utf-8")
        elif there != text:
            different = True
            name = path.relative_to(ROOT).as_posix()
            old, new = there.splitlines(), text.splitlines()
            made = "what this run proves"
            print("\n".join(difflib.unified_diff(old, new, name, made, lineterm="", n=0)))
    if different:
        print(f"\nIf this is as it should be, `{COMMAND}` writes it.")
    return int(different)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
