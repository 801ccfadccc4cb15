"""Reads pages: the Markdown files of the project, and the fenced blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from support import ROOT

_FENCE = re.compile(r"(\s*)(`{3,})\s*(\S*)")


@attrs.frozen
class Block:
    """A fenced block: its page, the line of its first line, its language, its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """What a list calls it by: page and first line, which survive an edit above it."""
        return self.page, self.text.partition("\n")[0]

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language or 'plain'})"


def pages() -> list[str]:
    """Return the Markdown files of the project, from its root."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found if "_build" not in path.parts)


def read(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of *page*; Sphinx's directives are none."""
    return [block for block in _fenced(page) if not block.language.startswith("{")]


def prose(page: str) -> str:
    """Return what of *page* stands outside of fences."""
    return re.sub(r"^(`{3,}).*?^\1", "", read(page), flags=re.DOTALL | re.MULTILINE)


def section(page: str, heading: str) -> str:
    """Return what stands below a heading of *page*, up to the next of its kind."""
    level = heading.partition(" ")[0]
    _, _, rest = read(page).partition(f"\n{heading}\n")
    assert rest, f"{page} has no {heading!r}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _fenced(page: str) -> Iterator[Block]:
    lines = iter(enumerate(read(page).splitlines(), 1))
    for number, line in lines:
        if opening := _FENCE.match(line):
            indent, fence, language = opening.groups()
            inside: list[str] = []
            for _, text in lines:
                if text.strip() == fence:
                    break
                inside.append(text.removeprefix(indent))
            yield Block(page, number + 1, language, "\n".join(inside))


def code_of(path: Path) -> str:
    """Return a file as a block would hold it."""
    return path.read_text(encoding="utf-8").rstrip("\n")
