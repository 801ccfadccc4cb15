"""Imports point one way: room by room as the design's table says, and without cycles."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

from gates.sources import Import, imports, module_of, modules, parse
from support import fresh

PUBLIC = "public names"

# Who may import whom. A room is the first name below oauthkit; its own modules are always allowed.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "protocol": {"errors"},
    "provider": {"errors", "protocol"},
    "plugins": set(),
    "registry": {"errors", "plugins", "provider"},
    "credentials": {"errors", "provider"},
    "tokens": {"errors", "plugins", "protocol"},
    "transport": {"errors", "protocol", "tokens"},
    "clients": {"errors", "protocol", "provider", "credentials", "tokens", "transport"},
    "connecting": {"errors", "provider", "registry", "credentials", "clients"},
    "testing": {PUBLIC},
    "cli": {PUBLIC},
    "web": {PUBLIC},
    "oauthkit_providers": {PUBLIC},
    # The two files that are no room: they hand out what the rooms hold.
    "__main__": {"cli"},
}

# For type checkers alone: importing them when the program runs would be a cycle (the first), or
# make the core depend on first-party providers (the second, the last); the third is the type of
# `store=`.
TYPE_ONLY = {
    ("provider", "clients"),
    ("connecting", "oauthkit_providers.names"),
    ("connecting", "tokens"),
    ("testing", "oauthkit_providers.names"),
}

# What all else is private to.
PUBLIC_MODULES = ("oauthkit.protocol", "oauthkit.testing", "oauthkit.web")


def room(module: str) -> str:
    """Return the room that *module* lies in."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "oauthkit" else top


def allowed(importer: str, found: Import, known: dict[str, Path]) -> bool:
    """Tell whether the module *importer* may import what *found* names."""
    target = module_of(found.target, known)
    source, destination = room(importer), room(target)
    if target.partition(".")[0] not in {"oauthkit", "oauthkit_providers"}:
        return True
    if importer == "oauthkit":
        # The front door: names for type checkers; at run time it imports by name, on first use.
        return found.type_only
    if target == "oauthkit":
        return PUBLIC in ARROWS[source]
    if source == destination or destination in ARROWS[source]:
        return True
    if PUBLIC in ARROWS[source] and target.startswith(PUBLIC_MODULES):
        return True
    exact = target if target.startswith("oauthkit_providers") else destination
    return found.type_only and (source, exact) in TYPE_ONLY


def test_arrows() -> None:
    """No room imports from a room that the table does not give it."""
    known = modules()
    wrong = [
        f"{path}:{found.line}: {module} imports {found.target}"
        for module, path in known.items()
        for found in imports(parse(path))
        if not allowed(module, found, known)
    ]
    assert [] == wrong


def test_every_room_is_in_the_table() -> None:
    """A new room needs its line in the table, and in the design."""
    assert set() == {room(module) for module in modules()} - {"", *ARROWS}


def test_no_relative_imports() -> None:
    """The arrows are read from absolute imports; relative ones would go unseen."""
    wrong = [
        f"{path}:{node.lineno}"
        for path in modules().values()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert [] == wrong


def test_no_cycles() -> None:
    """No module imports itself by way of others, inside of functions neither."""
    known = modules()
    graph = {
        module: {
            target
            for found in imports(parse(path))
            if not found.type_only and (target := module_of(found.target, known)) in known
        }
        - {module}
        for module, path in known.items()
    }
    # Raises CycleError, which names the cycle.
    list(graphlib.TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    ("importer", "target", "type_only"),
    [
        ("oauthkit.protocol.token", "oauthkit.provider", False),
        ("oauthkit.provider", "oauthkit.clients.oauth1", False),
        ("oauthkit.registry", "oauthkit.clients", True),
        ("oauthkit.connecting", "oauthkit_providers.names", False),
        ("oauthkit.connecting", "oauthkit_providers.twitter", True),
        ("oauthkit.connecting", "oauthkit.tokens", False),
        ("oauthkit.transport.signing", "oauthkit.Token", False),
        ("oauthkit.cli.demo", "oauthkit.registry.Registry", False),
        ("oauthkit.testing.servers", "oauthkit.transport", True),
        ("oauthkit_providers.twitter", "oauthkit.provider.OAuth1Provider", False),
        ("oauthkit", "oauthkit.errors.Error", False),
    ],
)
def test_the_gate_closes(importer: str, target: str, *, type_only: bool) -> None:
    """Each kind of wrong import is refused: a gate that lets all pass would look the same."""
    names = ("oauthkit", *(f"oauthkit.{name}" for name in ARROWS), "oauthkit_providers.names")
    known = dict.fromkeys((*names, "oauthkit_providers.twitter"), Path())
    assert not allowed(importer, Import(target, 1, type_only), known)


@pytest.mark.parametrize(
    ("importer", "target", "type_only"),
    [
        ("oauthkit.provider", "oauthkit.clients.oauth1", True),
        ("oauthkit.connecting", "oauthkit_providers.names.OAuth1Name", True),
        ("oauthkit.connecting", "oauthkit.tokens.TokenStore", True),
        ("oauthkit.cli.demo", "oauthkit.protocol.oauth1.sign", False),
        ("oauthkit_providers.twitter", "oauthkit.OAuth1Provider", False),
        ("oauthkit", "oauthkit.errors.Error", True),
    ],
)
def test_the_gate_opens(importer: str, target: str, *, type_only: bool) -> None:
    """What the design allows passes, the two exceptions for type checkers among it."""
    names = ("oauthkit", *(f"oauthkit.{name}" for name in ARROWS), "oauthkit_providers.names")
    assert allowed(importer, Import(target, 1, type_only), dict.fromkeys(names, Path()))


@pytest.mark.proves(
    "Servers, simulators and laws for tests",
    "no code shared with the client",
    rfc=None,
    judge="none but ours",
)
def test_embedded_servers_share_no_code_with_the_client() -> None:
    """The servers judge the client: importing them loads none of it, and no test framework."""
    if not any(module.startswith("oauthkit.testing.servers") for module in modules()):
        return
    loaded = fresh("import sys, oauthkit.testing.servers; print(*sorted(sys.modules))").split()
    rooms = {room(name) for name in loaded if name.startswith("oauthkit.")}
    assert {"testing"} == rooms
    assert set() == {"pytest", "_pytest", "hypothesis", "oauthlib"} & set(loaded)
