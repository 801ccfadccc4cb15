"""The fence by itself: a mapping from origins to the source whose token may go there."""

from __future__ import annotations

import pytest
from yarl import URL

from oauthkit import GrantKey, MemoryStore
from oauthkit.protocol.origins import parse_origin
from oauthkit.tokens.grants import grant_of
from oauthkit.tokens.sources import StoredSource
from oauthkit.transport.fence import Fence


def source(account: str = "") -> StoredSource:
    """Make a source."""
    return StoredSource(
        grant=grant_of(MemoryStore(), GrantKey(issuer="", client_id="", account=account))
    )


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://api.example/x", True),
        ("https://API.EXAMPLE/x", True),
        ("https://api.example:443/", True),
        ("wss://api.example/ws", True),
        ("https://user:word@api.example/", True),
        ("http://api.example/", False),
        ("ws://api.example/", False),
        ("https://api.example:444/", False),
        ("https://api.example./", False),
        ("https://x.api.example/", False),
        ("https://api.example.evil.example/", False),
        ("https://a.up.example/", True),
        ("https://a.b.up.example/", True),
        ("https://up.example/", False),
        ("https://notup.example/", False),
        ("ftp://api.example/", False),
        ("/x", False),
        ("//api.example/x", False),
    ],
)
def test_inside(url: str, inside: bool) -> None:
    """Scheme, host and port decide, and nothing else; asked twice, it is the same."""
    origins = [parse_origin("https://api.example"), parse_origin("https://*.up.example")]
    fence = Fence.around(origins, source())
    for _ in range(2):
        assert inside == (fence.find(URL(url)) is not None)
    assert ("https://api.example", "https://*.up.example") == fence.origins


def test_each_origin_has_its_source() -> None:
    """The first rule that matches decides whose token it is."""
    one, two = source("one"), source("two")
    fence = Fence(
        (
            (parse_origin("https://a.example"), one),
            (parse_origin("https://b.example"), two),
            (parse_origin("https://a.example"), two),
        )
    )
    assert fence.find(URL("https://a.example/")) is one
    assert fence.find(URL("https://b.example/")) is two


def test_memory_is_bounded() -> None:
    """Who is led through thousands of hosts does not fill the memory, and is right about each."""
    fence = Fence.around([parse_origin("https://*.up.example")], source())
    for number in range(5000):
        assert fence.find(URL(f"https://h{number}.up.example/")) is not None
        assert fence.find(URL(f"https://h{number}.evil.example/")) is None
    assert 1024 >= len(fence._known)
