"""`oauthkit providers`: what is installed, and what of it cannot be used, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import attrs

from oauthkit import ProviderEntry, default_registry
from oauthkit.cli.terminal import Terminal, fill, printable

__all__ = ["run"]

_NONE = """\
No provider is installed.
A package installs one by declaring it in the entry-point group
"oauthkit.providers"; README, "A provider of your own", shows how."""


def run(*, as_document: bool) -> int:
    """List the providers of the default registry; the exit status is 0 even where one is broken."""
    entries = default_registry().entries()
    if as_document:
        print(json.dumps([attrs.asdict(entry) for entry in entries], indent=2))
        return 0
    _show(Terminal.on(sys.stdout), entries)
    return 0


def _show(terminal: Terminal, entries: Sequence[ProviderEntry]) -> None:
    usable = [entry for entry in entries if entry.status == "ok"]
    # One entry for each distribution that claims an ambiguous name; the reason names them all.
    others = dict.fromkeys((e.name, e.status, e.reason) for e in entries if e.status != "ok")
    if usable:
        terminal.write(*(line for entry in usable for line in _block(terminal, entry)))
    elif not others:
        terminal.write(*_NONE.splitlines())
    for number, (name, status, reason) in enumerate(others):
        if usable or number:
            terminal.write("")
        terminal.write(f"{terminal.style(status, 'red', 'bold')}  {printable(name)}")
        for line in fill(printable(reason).split(), terminal.width - 2, between=" "):
            terminal.write(f"  {line}")


def _block(terminal: Terminal, entry: ProviderEntry) -> list[str]:
    # A line of its own for the name: with every grant type in it, no table fits a terminal.
    shipped = f"{entry.distribution or 'registered by hand'} {entry.version or ''}"
    cells = (entry.title, entry.protocol, ", ".join(entry.grant_types), shipped)
    words = " · ".join(map(printable, cells)).split()
    lines = fill(words, terminal.width - 2, between=" ")
    return [terminal.style(printable(entry.name), "bold"), *(f"  {line}" for line in lines)]
