"""docs/conformance.md as it lies there: README says the same, versions and files are the real ones."""

from __future__ import annotations

import re

from docs.pages import read
from proofs.judges import JUDGES, VECTORS
from proofs.page import excerpt, read_rows
from support import ROOT

ROWS = read_rows(read("docs/conformance.md"))


def test_readme_says_the_same() -> None:
    """README's table is made of the page's rows."""
    assert f"\n\n{excerpt(ROWS)}\n" in read("README.md")


def test_judges() -> None:
    """Each is on the list, at the version that the tests install; who is on the list is needed."""
    named = {re.sub(r"^\d+ published vectors?$", VECTORS, row.judge.strip("*")) for row in ROWS}
    listed = (f"{name} {judge.pinned() or ''}".rstrip() for name, judge in JUDGES.items())
    assert sorted(named) == sorted(listed)


def test_files() -> None:
    """Each row's tests say that they prove its feature."""
    for row in ROWS:
        for name in row.tests.split(", "):
            text = (ROOT / name.strip("`")).read_text(encoding="utf-8")
            assert f'"{row.feature}"' in text, (name, row.feature)
