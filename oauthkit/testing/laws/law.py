"""What a law is: a statement with its RFC section, and the function that tries to refute it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from oauthkit import Provider

if TYPE_CHECKING:
    from oauthkit.testing.laws.subject import Subject

__all__ = ["Law", "law", "laws_in"]

Refute = Callable[["Subject"], None]
Applies = Callable[[Any], bool]


@attrs.frozen(kw_only=True)
class Law:
    """
    One thing that every declaration of a kind must hold to.

    *name* is what a test and a departure call it; *section* says where it is written, *statement*
    what it says. *static* laws look at the declaration alone: they draw nothing and send nothing.
    *refute* raises LawBrokenError, or whatever an overridden method raised.
    """

    name: str
    section: str
    statement: str
    kind: type[Provider[Any]]
    static: bool = False
    when: Applies = attrs.field(default=lambda _: True, repr=False)
    refute: Refute = attrs.field(repr=False)

    def applies(self, provider: Provider[Any]) -> bool:
        """Tell whether the law is about declarations like *provider*."""
        return isinstance(provider, self.kind) and self.when(provider)


def law(
    section: str,
    *,
    kind: type[Provider[Any]] = Provider,
    static: bool = False,
    when: Applies = lambda _: True,
) -> Callable[[Refute], Law]:
    """Make a function a law: its name is the law's, its docstring's first line the statement."""

    def make(refute: Refute) -> Law:
        statement, _, _ = (refute.__doc__ or "").strip().partition("\n")
        return Law(
            name=refute.__name__,
            section=section,
            statement=statement,
            kind=kind,
            static=static,
            when=when,
            refute=refute,
        )

    return make


def laws_in(module: str) -> tuple[Law, ...]:
    """Return the laws that the module of that name holds, in its order."""
    import sys

    return tuple(value for value in vars(sys.modules[module]).values() if isinstance(value, Law))
