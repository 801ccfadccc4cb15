"""What a saboteur is: a declaration with one real mistake, and the law that must catch it."""

from __future__ import annotations

from typing import Any

import attrs

from oauthkit import Provider

__all__ = ["Saboteur"]


@attrs.frozen
class Saboteur:
    """A *provider* with one mistake, and the *law* that names it."""

    law: str
    provider: Provider[Any]

    @property
    def mistake(self) -> str:
        """The first line of its class's docstring."""
        return (type(self.provider).__doc__ or "").strip().partition("\n")[0]

    def __str__(self) -> str:
        return f"{type(self.provider).__name__}-{self.law}"
