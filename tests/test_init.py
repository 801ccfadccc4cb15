"""The package itself: public names, each loaded on first use."""

from __future__ import annotations

import pytest

import oauthkit


def test_dir_lists_the_public_names() -> None:
    """Loaded or not, once each."""
    listed = dir(oauthkit)
    assert set(oauthkit.__all__) <= set(listed)
    assert sorted(set(listed)) == listed


def test_a_name_that_is_not_public_is_none() -> None:
    """What is no name of the package is an AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="'oauthkit' has no attribute 'Sesame'"):
        getattr(oauthkit, "Sesame")  # noqa: B009 - a type checker would see the attribute
