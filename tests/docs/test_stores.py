"""What the page on stores says that no block runs."""

from __future__ import annotations

import tomllib

from docs.pages import blocks
from oauthkit.tokens.opening import GROUP


def test_entry_point() -> None:
    """The group is the one that is looked at."""
    (text,) = (each.text for each in blocks("docs/stores.md") if each.language == "toml")
    assert {GROUP: {"folder": "acme_stores:open_folder"}} == tomllib.loads(text)["project"][
        "entry-points"
    ]
