"""Marks: what they are of, and records with and without one as JSON."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from oauthkit import Mark, Record

MARK = Mark.of("r0", "me", 1.5)


def test_whose_it_is() -> None:
    """A mark is of one refresh token, and does not hold it."""
    assert MARK.is_of("r0")
    assert not MARK.is_of("r1")
    assert "r0" not in f"{MARK!r}{attrs.asdict(MARK)}"
    assert MARK.digest not in repr(Record(mark=MARK))
    assert Mark.of("\ud800", "me", 0).is_of("\ud800")


def test_json() -> None:
    """A record without a mark is written as it always was; with one, it comes back with it."""
    plain = Record(refresh_token="r0", version=3)
    assert {"access_tokens", "refresh_token", "version"} == set(json.loads(plain.to_json()))
    assert plain == Record.from_json(plain.to_json())
    for mark in (MARK, attrs.evolve(MARK, lost=True), attrs.evolve(MARK, final=True, since=2)):
        marked = attrs.evolve(plain, mark=mark)
        assert marked == Record.from_json(marked.to_json())


@pytest.mark.parametrize(
    "mark",
    [7, "x", {}, {**attrs.asdict(MARK), "since": "1"}, {**attrs.asdict(MARK), "final": 1}],
)
def test_what_is_no_mark(mark: Any) -> None:
    """It makes the whole no record: what a mark says must not be overlooked."""
    members = {**json.loads(Record().to_json()), "mark": mark}
    with pytest.raises(ValueError, match="not the record of a grant"):
        Record.from_json(json.dumps(members))
