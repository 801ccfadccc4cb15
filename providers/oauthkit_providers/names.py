"""The names of the first-party providers, by kind of client, for type checkers."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["AssertionName", "OAuth1Name", "OAuth2Name"]

AssertionName: TypeAlias = Literal["google-service-account"]
OAuth1Name: TypeAlias = Literal["twitter"]
OAuth2Name: TypeAlias = Literal["generic"]
