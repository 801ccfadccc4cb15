"""Write to a terminal in colour, to anything else plainly, in characters that it can show."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from typing import TextIO

import attrs

__all__ = ["Terminal", "fill", "printable"]

# SGR parameters (ECMA-48 §8.3.117).
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_NARROWEST, _WIDEST = 60, 80

# For streams that cannot encode them.
_PLAIN = {"✓": "ok", "✗": "NOT OK", "…": "...", "§": "section ", "→": "->", "·": "-"}


@attrs.define(eq=False)
class Terminal:
    """A stream, its width in columns, and whether it gets colours."""

    stream: TextIO
    colour: bool
    width: int = _WIDEST

    @classmethod
    def on(cls, stream: TextIO) -> Terminal:
        """Look at *stream* and the environment: ``NO_COLOR``, ``TERM`` and the columns."""
        is_terminal = stream.isatty()
        wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        columns = shutil.get_terminal_size((_WIDEST, 24)).columns if is_terminal else _WIDEST
        return cls(
            stream, colour=is_terminal and wanted, width=max(_NARROWEST, min(columns, _WIDEST))
        )

    def style(self, text: str, *styles: str) -> str:
        """Colour *text*, if there are colours."""
        if not self.colour or not text or not styles:
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"

    def write(self, *lines: str) -> None:
        """Write *lines*, and let them be seen."""
        for line in lines:
            self.stream.write(f"{self._encodable(line.rstrip())}\n")
        self.stream.flush()

    def _encodable(self, text: str) -> str:
        encoding = self.stream.encoding or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            for character, plain in _PLAIN.items():
                # Each for itself: an encoding may have some of them.
                if character.encode(encoding, "ignore") == b"":
                    text = text.replace(character, plain)
            return text.encode(encoding, "backslashreplace").decode(encoding)
        return text


def fill(parts: Iterable[str], width: int, *, between: str = "") -> list[str]:
    """
    Set *parts* in lines of at most *width* characters.

    *between* stands between two of a line. A part that is longer than a line is cut.
    """
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(between) + len(part) <= width:
            lines[-1] += between + part
        else:
            lines += [part[start : start + width] for start in range(0, max(len(part), 1), width)]
    return lines


def printable(text: str) -> str:
    """Put a space for what a terminal would obey: control characters, in whatever it came from."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
