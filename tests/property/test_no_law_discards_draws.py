"""The laws hold for all that is drawn: nothing is thrown away to make them hold."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from property.discards import counted_statuses, share_discarded

HERE = Path(__file__).parent


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.integers(0, 9))
def leaky(number: int) -> None:
    """Throw away some draws."""
    assume(number != 3)


@given(st.integers(0, 9))
def tight(number: int) -> None:
    """Take every draw."""


@pytest.mark.parametrize(("law", "expected"), [(leaky, True), (tight, False)])
def test_discarded_draws_are_counted(law: Callable[[], None], expected: bool) -> None:
    """The count that fails a law sees an ``assume``; so it would see a ``filter``."""
    with counted_statuses(pass_on=False) as statuses:
        law()
    assert statuses
    assert expected == (share_discarded(statuses) > 0.01)


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: path.name)
def test_nothing_is_rejected(path: Path) -> None:
    """No strategy filters and no law assumes; this file's own leak is the exception."""
    used = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Attribute, ast.Name))
    }
    expected: set[str] = {"assume"} if path == Path(__file__) else set()
    assert expected == used & {"assume", "filter", "reject"}
