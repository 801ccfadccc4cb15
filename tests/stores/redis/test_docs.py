"""What the page on stores says of Redis that no block runs."""

from __future__ import annotations

import re

import redis

from docs.pages import prose, section
from oauthkit import RedisStore
from oauthkit.tokens import redis_links
from oauthkit.tokens.redis_links import read_url
from stores.redis.server import RedisServer
from support import ROOT

PAGE = "docs/stores.md"


def test_urls() -> None:
    """Each that is shown whole is one; a port or an option that is not there would be refused."""
    found = re.findall(r"rediss?://[^\s`\"…]{4,}", prose(PAGE))
    assert len(found) >= 4
    for url in found:
        assert read_url(url).host


def test_options() -> None:
    """The table has all of them, with their defaults."""
    table = [line.split("|") for line in section(PAGE, "## Redis").splitlines() if line[:1] == "|"]
    named = [name for line in table for name in re.findall(r"`(\w+)`", line[1])]
    assert [*redis_links.SETTINGS, *redis_links.TLS] == named
    store = RedisStore("redis://h")
    defaults = {line[1].strip(" `"): line[3].strip(" `") for line in table}
    assert (store.namespace, f"{store.lease:g}") == (defaults["namespace"], defaults["lease"])
    assert ("for ever", None) == (defaults["ttl"], store.ttl)


def test_versions(server: RedisServer) -> None:
    """Those of redis-py are the lower bound and what is pinned."""
    page = section(PAGE, "## Redis")
    bound = re.search(r"redis>=([\d.]+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert bound is not None
    assert f"redis-py {bound[1]} and " in page
    assert redis.__version__ == bound[1] or f" {redis.__version__.rpartition('.')[0]}," in page
