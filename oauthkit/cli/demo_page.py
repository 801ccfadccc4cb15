"""Set what the demo played on a page: each request, what came with it, and what was checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import attrs

from oauthkit.cli.demo_record import Played, Request
from oauthkit.cli.terminal import Terminal, fill
from oauthkit.testing.servers import Check

__all__ = ["Page"]

_INDENT = 4
_LABEL = 13
_INTRODUCTION = """\
Servers on 127.0.0.1 play the services; nothing leaves this machine.
*** is a token or a secret, … the rest of a random value. "recomputed" is
Python's own hmac over the server's base string; "server" is what it checked."""
_NEXT = (
    ("oauthkit demo --source", "the program that just ran"),
    ("oauthkit providers", "what is installed"),
    ("README.md", '"Your first real call": with your own account'),
)
# Where a line of these may end: behind the separators of a base string, a header and a URL.
_BASE_STRING = re.compile(r".+?(?:&|%26|$)")
_FORM = re.compile(r".+?(?:&|%3A|$)")
_HEADER = re.compile(r".+?(?:, |$)")
_URL = re.compile(r".+?(?:[?&](?=.)|$)")
_WORDS = re.compile(r"\S+")


@attrs.define(eq=False)
class Page:
    """Write the steps as they are played, and the end."""

    terminal: Terminal
    part: str = ""

    def begin(self) -> None:
        """Write what is to be seen."""
        self.terminal.write(*_INTRODUCTION.splitlines(), "")

    def step(self, played: Played) -> None:
        """Write one step."""
        out, style = self.terminal, self.terminal.style
        if played.part != self.part:
            self.part = played.part
            for line in fill(_WORDS.findall(self.part), out.width, between=" "):
                out.write(style(line, "bold"))
            out.write("")
        out.write(f"{style(f'{played.number:>2}', 'bold')}  {style(played.code, 'cyan')}")
        for line in fill(_WORDS.findall(played.says), out.width - _INDENT, between=" "):
            out.write(" " * _INDENT + line)
        for request in played.requests:
            self._request(request)
        for name, text in played.facts:
            self._text(name, text)
        self._checks("demo", played.demo_checks)
        out.write("")

    def end(self, steps: Sequence[Played], seconds: float) -> None:
        """Write how it went, and what to do next."""
        out, style = self.terminal, self.terminal.style
        checks = [check for step in steps for check in step.checks]
        failed = [name for step in steps for name in step.failed]
        if failed:
            # The first step with a failed check is the last one played.
            count = f"✗ {len(failed)} of {len(checks)} checks failed, at step {len(steps)}:"
            for line in fill([*count.split(), *", ".join(failed).split()], out.width, between=" "):
                out.write(style(line, "red", "bold"))
            return
        passed = f"✓ {len(checks)} checks passed in {len(steps)} steps and {seconds:.1f} s."
        out.write(style(passed, "green", "bold"), "")
        for command, use in _NEXT:
            out.write(f"    {style(f'{command:<22}', 'cyan')}  {use}")

    def _request(self, request: Request) -> None:
        style = self.terminal.style
        status = "" if request.status is None else f" → {request.status}"
        line = f"{request.method} {request.url}"
        self._parts("request", [*_URL.findall(line), status], "bold")
        if request.authorization:
            self._parts("header", _HEADER.findall(f"Authorization: {request.authorization}"))
        if request.form:
            self._parts("form", _FORM.findall(request.form))
        if request.base_string:
            self._parts("base string", _BASE_STRING.findall(request.base_string))
            same = request.signature == request.recomputed
            self._line("signature", request.signature)
            self._line("recomputed", style(request.recomputed, "green" if same else "red"))
        self._checks("server", request.server_checks)

    def _checks(self, label: str, checks: Sequence[Check]) -> None:
        shown = [f"{'✓' if check.ok else '✗'} {check.name}" for check in checks]
        for number, line in enumerate(fill(shown, self._room, between="  ")):
            coloured = line
            for sign, colour in (("✓", "green"), ("✗", "red")):
                coloured = coloured.replace(sign, self.terminal.style(sign, colour))
            self._line("" if number else label, coloured)
        for check in checks:
            if not check.ok and check.detail:
                self._line("", self.terminal.style(check.detail, "red"))

    def _text(self, label: str, text: str) -> None:
        if " " in text:
            self._parts(label, _WORDS.findall(text), between=" ")
        else:
            self._parts(label, _URL.findall(text))

    def _parts(self, label: str, parts: Iterable[str], *styles: str, between: str = "") -> None:
        for number, line in enumerate(fill(parts, self._room, between=between)):
            self._line("" if number else label, self.terminal.style(line, *styles))

    def _line(self, label: str, text: str) -> None:
        space = " " * (_LABEL - len(label))
        self.terminal.write(f"{' ' * _INDENT}{self.terminal.style(label, 'dim')}{space}{text}")

    @property
    def _room(self) -> int:
        return self.terminal.width - _INDENT - _LABEL
