"""The page and README's table: what is made of records, and that a difference is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofs import page
from proofs.page import Row, excerpt, main, page_of, read_rows, rows_of


def proof(feature: str, judge: str, *tests: str, **changes: Any) -> dict[str, Any]:
    """Return what a run records of one claim."""
    return {
        "area": "OAuth 1.0a",
        "feature": feature,
        "rfc": "RFC 5849 §3.6",
        "judge": judge,
        "version": None,
        "tests": tests or ("tests/test_a.py",),
        "vectors": [],
        **changes,
    }


PROOFS = [
    proof("encoding", "oauthlib", version="4.0.1"),
    proof("encoding", "oauthlib", "tests/interop/test_b.py", version="4.0.1"),
    proof("encoding", "published vectors", vectors=["pk-rfc-b"]),
    proof("late", "none but ours", rfc=None),
    proof("tenth", "none but ours", rfc="RFC 5849 §3.10"),
    proof("tokens", "none but ours", area="Tokens and stores", rfc="RFC 6749 §5; RFC 6750 §2"),
]


def test_rows() -> None:
    """One for each feature by each judge, with all its tests; as an RFC is read, then the rest."""
    area, section = "OAuth 1.0a", "RFC 5849 §3.6"
    both = "`tests/interop/test_b.py`, `tests/test_a.py`"
    one = "`tests/test_a.py`"
    rows = rows_of(reversed(PROOFS))
    assert rows == [
        Row(area, section, "encoding", "1 published vector", one),
        Row(area, section, "encoding", "oauthlib 4.0.1", both),
        Row(area, "RFC 5849 §3.10", "tenth", "*none but ours*", one),
        Row(area, "none", "late", "*none but ours*", one),
        Row("Tokens and stores", "RFC 6749 §5; RFC 6750 §2", "tokens", "*none but ours*", one),
    ]
    assert rows == read_rows(page_of(PROOFS))


def test_readme_table() -> None:
    """For each area: how much others judge, who, and what nobody does."""
    assert excerpt(rows_of(PROOFS)).splitlines()[2:] == [
        "| OAuth 1.0a | 1 of 3 | oauthlib 4.0.1, published vectors | tenth; late |",
        "| Tokens and stores | 0 of 1 | none | tokens |",
    ]


def test_sources_are_those_of_the_vectors_that_count() -> None:
    """Where a vector is from is told if it was counted."""
    _, _, sources = page_of(PROOFS).partition("## The vectors' sources\n")
    assert 1 == sources.count("tests/vectors/")
    assert "`tests/vectors/pkce.json`:\n\n* RFC 7636" in sources


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a record, a README and no page."""
    monkeypatch.setattr(page, "ROOT", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "conformance.md")
    monkeypatch.setattr(page, "README", tmp_path / "README.md")
    readme = f"before\n\n{page.README_HEAD}\n|---|\n| old |\n\nafter\n"
    tmp_path.joinpath("README.md").write_text(readme, encoding="utf-8")
    tmp_path.joinpath("tests.json").write_text(json.dumps({"proofs": PROOFS}), encoding="utf-8")
    return tmp_path


def test_written_and_compared(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --write nothing is written: the difference is printed, and the command that writes."""
    record = str(pages / "tests.json")
    before = (pages / "README.md").read_text(encoding="utf-8")
    assert 1 == main([record])
    said = capsys.readouterr().out
    assert "+| tenth | RFC 5849 §3.10 | *none but ours* | `tests/test_a.py` |" in said
    assert "-| old |" in said
    assert "nox -s conformance -- --write" in said
    assert before == (pages / "README.md").read_text(encoding="utf-8")
    assert not (pages / "conformance.md").exists()

    assert 0 == main([record, "--write"])
    assert 0 == main([record])
    assert not capsys.readouterr().out
    table = excerpt(rows_of(PROOFS))
    readme = (pages / "README.md").read_text(encoding="utf-8")
    assert f"before\n\n{table}\nafter\n" == readme


def test_a_row_less_is_a_difference(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A claim that was proved when the page was made, and is not now, is named."""
    record = pages / "tests.json"
    assert 0 == main([str(record), "--write"])
    record.write_text(json.dumps({"proofs": PROOFS[:-1]}), encoding="utf-8")
    assert 1 == main([str(record)])
    assert "-| tokens |" in capsys.readouterr().out


def test_no_record(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that has recorded nothing is no reason to write an empty page."""
    assert 2 == main([str(pages / "tests.json"), str(pages / "interop.json"), "--write"])
    assert "interop.json" in capsys.readouterr().out
    assert not (pages / "conformance.md").exists()
