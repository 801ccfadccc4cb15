"""What is written where: colours, widths, signs, and lines that fit."""

from __future__ import annotations

import io

import pytest

from oauthkit.cli.terminal import Terminal, fill, printable


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("NO_COLOR", "1", False), ("NO_COLOR", "", True), ("TERM", "dumb", False)],
)
def test_colour(name: str, value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for no colours gets none, and a file never does."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Terminal.on(Screen()).colour
    monkeypatch.setenv(name, value)
    assert expected is Terminal.on(Screen()).colour
    assert not Terminal.on(io.StringIO()).colour


def test_style() -> None:
    """A style is put around text, and around nothing at all it is not."""
    coloured = Terminal(io.StringIO(), colour=True)
    assert "\x1b[1;31mred\x1b[0m" == coloured.style("red", "bold", "red")
    assert "" == coloured.style("", "bold")
    assert "text" == coloured.style("text")
    assert "red" == Terminal(io.StringIO(), colour=False).style("red", "red")


@pytest.mark.parametrize(("given", "expected"), [("20", 60), ("70", 70), ("200", 80)])
def test_width(given: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between 60 and 80 columns the page is as wide as the terminal; a file has 80."""
    monkeypatch.setenv("COLUMNS", given)
    assert expected == Terminal.on(Screen()).width
    assert 80 == Terminal.on(io.StringIO()).width


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "✓ é → §\n"),
        ("latin-1", "ok é -> §\n"),
        ("ascii", "ok \\xe9 -> section \n"),
    ],
)
def test_encoding(encoding: str, expected: str) -> None:
    """A sign that the stream cannot encode becomes a word; the others stay."""
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, encoding, newline="")
    Terminal(stream, colour=False).write("✓ é → §  ")
    assert expected == octets.getvalue().decode(encoding)


def test_fill() -> None:
    """Lines are filled; a part that is longer than one is cut, and none is lost."""
    assert ["aa bb", "ccccc"] == fill(["aa", "bb", "ccccc"], 5, between=" ")
    assert ["abc", "de", "f"] == fill(["abcde", "f"], 3, between=" ")
    assert [] == fill([], 10)


def test_printable() -> None:
    """Control characters become spaces, and spaces one."""
    assert "a [2J b" == printable("a\x1b[2J\r\n  b\x07")
