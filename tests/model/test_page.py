"""The page on rotation shows what the model says today."""

from __future__ import annotations

from pathlib import Path

import pytest

from model import page
from model.steps import Step


def test_current(capsys: pytest.CaptureFixture[str]) -> None:
    """Its tables are those that the model makes."""
    assert 0 == page.main([]), capsys.readouterr().out


def test_outdated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number that was changed by hand is shown, with the command that writes; which does."""
    right = page.PAGE.read_text(encoding="utf-8")
    other = tmp_path / "rotation.md"
    other.write_text(right.replace("| worlds | ", "| worlds | 9"), encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", other)
    monkeypatch.setattr(page, "ROOT", tmp_path)
    assert 1 == page.main([])
    assert page.COMMAND in capsys.readouterr().out
    assert 0 == page.main(["--write"])
    assert right == other.read_text(encoding="utf-8")


def test_a_page_without_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that lost a place for a table is not written."""
    with pytest.raises(SystemExit, match="counts"):
        page.written("# Rotation\n")


def test_steps() -> None:
    """The page lists the steps of a refresh, by their names and in their order."""
    text = page.PAGE.read_text(encoding="utf-8")
    road = list(Step)[: list(Step).index(Step.HAND_OUT) + 1]
    listed = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert [str(step) for step in road] == listed
