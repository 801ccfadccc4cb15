"""The names of the first-party providers, by kind of client, for type checkers."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["OAuth1Name"]

OAuth1Name: TypeAlias = Literal["twitter"]
