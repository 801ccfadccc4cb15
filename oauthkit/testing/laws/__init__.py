"""The laws of the conformance kit, by what they are about."""

from __future__ import annotations

from typing import Any

from oauthkit import Provider
from oauthkit.testing.laws import base_string, oauth1
from oauthkit.testing.laws.law import Law, laws_in
from oauthkit.testing.laws.subject import LawBrokenError, Subject

__all__ = ["LAWS", "Law", "LawBrokenError", "Subject", "laws_for"]

LAWS: tuple[Law, ...] = tuple(
    law for module in (base_string, oauth1) for law in laws_in(module.__name__)
)
"""Every law, in the order in which the suite runs them."""


def laws_for(provider: Provider[Any]) -> tuple[Law, ...]:
    """Return the laws that are about declarations like *provider*."""
    return tuple(law for law in LAWS if law.applies(provider))
