"""The published vectors: one JSON file a subject, in tests/vectors/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "vectors"


def vectors(file: str, kind: str) -> pytest.MarkDecorator:
    """Parametrise a test with all vectors of one kind, named by their ids."""
    found = json.loads((FOLDER / f"{file}.json").read_text())["vectors"]
    chosen = [pytest.param(v, id=v["id"]) for v in found if v["kind"] == kind]
    assert chosen, f"no vectors of kind {kind} in {file}"
    return pytest.mark.parametrize("vector", chosen)


Vector = dict[str, Any]
