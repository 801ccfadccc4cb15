"""The published vectors: one JSON file a subject, in tests/vectors/."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Vector = dict[str, Any]

FOLDER = Path(__file__).parent.parent / "vectors"


def vectors(
    file: str, kind: str, *, only: Callable[[Vector], bool] = lambda _: True
) -> pytest.MarkDecorator:
    """Parametrise a test with the vectors of one kind that *only* takes, named by their ids."""
    found: list[Vector] = json.loads((FOLDER / f"{file}.json").read_text())["vectors"]
    chosen = [pytest.param(v, id=v["id"]) for v in found if v["kind"] == kind and only(v)]
    assert chosen, f"no vectors of kind {kind} in {file}"
    return pytest.mark.parametrize("vector", chosen)
