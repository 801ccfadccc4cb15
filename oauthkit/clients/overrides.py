"""What the methods that a declaration overrides return, checked: it may be anybody's code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from oauthkit.errors import ConfigurationError

__all__ = ["read_mapping", "read_texts"]


def read_mapping(whose: str, method: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what *method* of a declaration returned; ConfigurationError for what is no mapping."""
    returned = cast("object", found)
    if not isinstance(returned, Mapping):
        raise ConfigurationError(
            f"provider {whose!r}: {method}() returned no mapping (type {type(returned).__name__})"
        )
    return dict(found)


def read_texts(
    whose: str, method: str, found: Mapping[str, Any], given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return what *method* of a declaration made of *given*: texts by name, and there lists of them.

    None is left out. Raises ConfigurationError for anything else that is not as it was given; it
    shows no name and no value, which may be secrets.
    """
    if given is not None and found is given:
        return dict(found)
    members = read_mapping(whose, method, found)
    texts = {name: value for name, value in members.items() if value is not None}
    for name, value in texts.items():
        one = _find_other(name) or _find_other(value, in_lists=given is not None)
        if one is not None:
            raise ConfigurationError(
                f"provider {whose!r}: {method}() returned a name or value that is no text "
                f"(type {one})"
            )
    return texts


def _find_other(value: object, *, in_lists: bool = False) -> str | None:
    """Return the type of what is no text, None for a text."""
    if in_lists and isinstance(value, (list, tuple)):
        others = map(_find_other, cast("Iterable[object]", value))
        return next(filter(None, others), None)
    return None if isinstance(value, str) else type(value).__name__
